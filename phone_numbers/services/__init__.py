"""The use cases of phone numbers, one function each. Every one owns its transaction: returned means committed."""
