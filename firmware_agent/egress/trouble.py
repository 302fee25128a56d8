"""What went wrong on the link, in words: one named code for each thing that a person would have to repair."""

import socket
import ssl

from firmware_agent.errors import UplinkError

# X.509 verification results (RFC 5280 path validation, numbered by OpenSSL)
_VERIFY = {
    9: ("broker_certificate_not_yet_valid", "the broker's certificate is not valid yet", "check this device's clock"),
    10: (
        "broker_certificate_expired",
        "the broker's certificate has expired",
        "renew it, or check this device's clock",
    ),
    62: (
        "broker_name_wrong",
        "the broker's certificate is for another name",
        "set `host` to a name in that certificate",
    ),
    64: (
        "broker_name_wrong",
        "the broker's certificate is for another name",
        "set `host` to a name in that certificate",
    ),
}
_AUTHORITY = (
    "broker_authority_unknown",
    "the broker's certificate comes from an authority that is not ours",
    "set `authority` to the file of the one that signed it",
)
_MISSING = (
    "our_certificate_missing",
    "the broker asks for a client certificate and none is configured",
    "set `certificate` and `key`",
)
_REFUSED = (
    "our_certificate_refused",
    "the broker refuses our certificate",
    "renew `certificate` and `key` with an authority that the broker knows",
)
_ALERTS_MISSING = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE")
_ALERTS_REFUSED = (
    "ALERT_UNKNOWN_CA",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_ACCESS_DENIED",
    "ALERT_DECRYPT_ERROR",
)


def explain(error: BaseException, where: str, with_certificate: bool) -> UplinkError:
    """Name `error` as it happened on the way to `where` ("host:port")."""
    code, what, todo = _name(error, with_certificate)
    return UplinkError(code, f"{where}: {what}; {todo}")


def _name(error: BaseException, with_certificate: bool) -> tuple[str, str, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, _AUTHORITY)
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        if any(alert in reason for alert in _ALERTS_MISSING) and not with_certificate:
            return _MISSING
        if any(alert in reason for alert in _ALERTS_REFUSED):
            return _REFUSED if with_certificate else _MISSING
        return (
            "tls_failed",
            "the other side does not speak TLS as we do",
            "check `port`, and that the broker has TLS on",
        )
    if isinstance(error, TimeoutError):
        return (
            "broker_silent",
            "the broker does not answer",
            "check `host` and `port`, the network and the broker's log",
        )
    if isinstance(error, socket.gaierror):
        return "host_unknown", "the name cannot be looked up", "check `host` and the network's name service"
    if isinstance(error, ConnectionRefusedError):
        return "nobody_listens", "nothing listens there", "start the broker, or check `host` and `port`"
    if isinstance(error, (ConnectionError, EOFError)):
        return (
            "connection_lost",
            "the broker closed the connection",
            "look into the broker's log; a broker that drops us at once may refuse our certificate",
        )
    if isinstance(error, ValueError):  # the name service's and TLS's answer to what is no name
        return "host_invalid", "that is neither a host name nor an address", "set `host` to the broker's"
    if not isinstance(error, OSError):
        return "connecting_failed", "connecting failed (%s)" % type(error).__name__, "report this as a defect"
    return "network", "the network fails (%s)" % type(error).__name__, "check the network and try `doctor`"


def unasked(where: str) -> UplinkError:
    """The broker sends what this client did not subscribe to, or more of it than it listens to."""
    return UplinkError(
        "broker_talks", f"{where}: the broker sends messages that nobody asked for; look into its set-up"
    )


def deaf(where: str) -> UplinkError:
    """The broker refused a subscription."""
    return UplinkError(
        "broker_refuses_topic",
        f"{where}: the broker does not let us listen; allow reading TOPIC/reply/+ and TOPIC/to/+ there",
    )


def not_authorised(where: str, why: str) -> UplinkError:
    """The broker answered the MQTT hand-shake with a refusal."""
    return UplinkError(
        "broker_refuses", f"{where}: the broker refuses the connection ({why}); allow this certificate there"
    )
