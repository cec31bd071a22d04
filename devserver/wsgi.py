"""The WSGI entry of `make run`: the service's own, in workers that end with granian's main process."""

from agentmessage.wsgi import application
from devserver.processes import end_with_session_leader

__all__ = ["application"]

end_with_session_leader()
