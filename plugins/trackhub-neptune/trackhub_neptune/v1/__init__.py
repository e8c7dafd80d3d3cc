"""Speak to Neptune 2.x by the routes of the ``neptune`` client; the only package that imports it.

The client's own retries, threads and processes are left alone: each request is made in the lane's thread,
with a time limit, and what came of it is told.
"""
