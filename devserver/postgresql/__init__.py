"""PostgreSQL as a plain child process. From the outside in: `server`, `cluster`, `account`."""
