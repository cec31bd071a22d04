"""What `make run` and the tests add to the service. Nothing that is deployed imports it."""
