"""What all routes have in common: limits, headers, ETags, cursors, reading one's own writes, the OpenAPI document."""
