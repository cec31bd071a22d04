"""The admin's conventions that all apps share: rows, forms, filters and Unfold's types."""
