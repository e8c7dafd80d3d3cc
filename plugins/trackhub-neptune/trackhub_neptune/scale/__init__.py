"""Speak to Neptune 3.x by the routes of ``neptune-scale``; the only package that imports it and neptune-api.

The client's processes, threads and database are left alone: an operation is submitted in the lane's
thread, and its outcome is asked for until the server knows it.
"""
