"""What is not given, by name: what a browser is told then holds nothing of the printer."""

# name: (status, what to tell). Names of refusals are those of errors.REASONS.
PROBLEMS = {
    "malformed": (400, "The request is not one that this page makes; open the page again."),
    "not_a_session": (401, "Only a session made by the agent sees a page; pair this phone, at the device."),
    "session_ended": (401, "The session is over; open the page again, a paired phone signs in by itself."),
    "host": (403, "The device is not known by this name; open the page by its address."),
    "origin": (403, "This did not come from the device's own page; open that page and do it there."),
    "token": (403, "This did not come from an open page of this session; open the page again."),
    "not_found": (404, "There is no such page; open the first page."),
    "method": (405, "This page cannot be asked for in this way; open the page again."),
    "too_large": (413, "That is more than the device takes; open the page again."),
    "content_type": (415, "Only JSON is taken here; open the page again."),
    "too_many": (429, "That was too often; wait a little and do it again."),
    "fault": (500, "Something is wrong in the device; its log says what, `doctor` may say more."),
}


class Problem(Exception):
    """What is asked for is not given; `name` is one of PROBLEMS."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
