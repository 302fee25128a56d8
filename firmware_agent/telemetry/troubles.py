"""Why a printer cannot be read, as codes: the owner's page and `show` have words for each, in the owner's language."""

TROUBLES = {
    "refused": "nothing answers there; see whether the printer, or the program that speaks for it, runs",
    "silent": "it does not answer; see whether it is on and in the same network",
    "ended": "the connection ended; it is tried again by itself",
    "quiet": "it is connected and says nothing; see whether it is ready",
    "unplugged": "it is not there; see the cable, and whether it is on",
    "taken": "another program has its cable; stop that program, or read the printer through it",
    "denied": "the agent may not read it; `firmware-agent doctor` says what to change",
    "key": "it refuses the key or the access code; put the right one into the configuration",
    "certificate": "it shows another certificate than it used to; nothing was sent; `firmware-agent doctor` says more",
    "unpinned": "its certificate is not known yet; nothing was sent; `firmware-agent doctor` says more",
    "strange": "what it says cannot be understood; see whether address and kind are right in the configuration",
    "full": "it takes no more connections; end another program that reads it",
    "setup": "the configuration of it does not work; `firmware-agent doctor` says more",
    "fault": "it cannot be read just now; `firmware-agent doctor` says more",
}
