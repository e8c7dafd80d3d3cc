"""Keep trackhub runs as plain files in a folder, and read them back; offered by the plugin module."""
