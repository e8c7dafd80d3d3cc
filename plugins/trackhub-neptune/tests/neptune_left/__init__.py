"""Make what Neptune left: folders and databases by its own clients, exports by the exporter's schema."""
