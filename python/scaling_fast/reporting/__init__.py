"""Reports: pages and letters written from a report's JSON alone."""
