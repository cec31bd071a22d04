"""HTTP: what every endpoint of a tenant shares."""
