"""The reasons of a refusal that only a device with the owner's page has. Boards have no room for them.

Whoever refuses for one of these, or shows reasons to people, takes Refused and REASONS from here.
"""

from firmware_agent.errors import REASONS, Refused, Unsealed

__all__ = ("REASONS", "Refused", "Unsealed")

REASONS.update(
    {
        "not_a_session": ("only a session made by the agent sees a page", "pair this phone, at the device"),
        "session_ended": ("the session is over", "open the page again; a paired phone signs in by itself"),
        "not_an_admission": ("only an admission made by the agent opens the camera", "ask for the picture again"),
        "too_many_viewers": ("too many look through the camera already", "close some of them"),
        "viewer_full": ("this viewer looks too many times already", "close some of its windows, or restart it"),
        "stills_only": ("this purpose shows single pictures, no stream", "allow the live view, or ask for a picture"),
        "stills_paced": (
            "this purpose shows single pictures, at most one a second",
            "ask again in a second, or allow the live view",
        ),
        "not_for_the_page": ("this is not a purpose that the page can show", "allow the live view, and open that"),
        "not_for_viewers": ("a program on the network can only be let in for what stays there", "choose another"),
        "not_asked_for": ("such a picture is not sent at the owner's word", "see which purposes the policy has"),
        "bundle_changed": ("the bundle that was shown is not there any more", "look at it as it is now, then send it"),
        "viewer_exists": ("there is a viewer of that name", "remove it first, or take another name"),
        "viewer_unknown": ("there is no viewer of that name", "see `viewer list`"),
        "recipient_local": (
            "it is on your own network: there is nobody there whom this device could ask to delete",
            "look what that program keeps, and delete it there",
        ),
        "no_copy": ("there is no copy of it here: it is too old, was withdrawn, or was a picture", "see the ledger"),
        "unknown_action": ("there is no such command", "see docs/socket.md"),
        "not_your_role": ("this role may not do that", "ask the owner of the printer"),
        "age_unknown": (
            "nobody has said yet whether everybody who uses this device is old enough",
            "say it when you allow the purpose",
        ),
        "text_changed": ("what was shown is not the policy of today", "read it again, then decide"),
        "code_wrong": ("the code is not the one that was shown", "look at the device and type what it shows"),
        "code_busy": ("the device shows a code for something else", "wait two minutes, or finish that first"),
        "code_ended": ("no code is valid just now", "ask the device to show a new one"),
        "not_private": (
            "the page is not encrypted, so whoever listens would be let in as well",
            "open the pairing at the device with `pair`",
        ),
        "key_needed": (
            "this role needs a phone that keeps a key, and an encrypted page",
            "set `tls = true`, pair again",
        ),
        "pairing_closed": ("no pairing is open", "open one at the device with `pair`"),
        "pairing_waits": ("too many wrong codes: pairing waits", "wait, then open a new pairing at the device"),
        "key_unknown": ("this phone is not paired", "pair it, at the device"),
        "signature_wrong": ("the command was not signed with the phone's key", "open the page again"),
        "command_old": ("this command was used before, or came in the wrong order", "do it again"),
        "command_wrong": ("the command is not for this device, or not a command", "open the page again"),
    }
)
