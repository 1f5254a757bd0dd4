"""Why a message cannot be processed."""

from pydantic import ValidationError

__all__ = ["reason_of"]


def reason_of(error: Exception) -> str:
    """Say what is wrong without repeating what was sent."""
    if not isinstance(error, ValidationError):
        return str(error)
    findings = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, found['loc'])) or 'value'}: {found['msg']}" for found in findings[:10])
