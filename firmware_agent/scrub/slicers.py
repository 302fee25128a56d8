r"""What each slicer writes in its comments that has a shape of its own: one table.

A row: (slicer, pattern of a whole comment after its ";"). A named group is what goes, and its name says how: object
(renamed, b"object_1"), drop (nothing is left), any other: a kind of token. What is outside the groups stays, so it may
only be text that is written out here, or numbers. All rows are tried on all files, whoever wrote them: forks and
post-processors write each other's comments, and the name at the top of a file proves nothing. Settings and sentences
have no rows: see gcode_settings.py and gcode_text.py.
"""

import re


def _any(*words: str) -> bytes:
    """Any of several lists of patterns, written apart by "|"."""
    return b"(?:" + "|".join(words).encode() + b")"


_NAMES = _any(
    "PrusaSlicer|SuperSlicer|OrcaSlicer(?:-BBL)?|BambuStudio|Slic3r(?: Prusa Edition| PE)?|Cura_SteamEngine",
    "(?:Ultimaker )?Cura|Simplify3D|ideaMaker|KISSlicer|LightBurn(?: Core)?|LaserGRBL|LaserWeb|IceSL|Kiri:Moto",
    "CraftWare|MatterControl|MatterSlice|Pathio|QIDISlicer|QIDI Studio|AnycubicSlicer(?:Next)?|ElegooSlicer|FlashPrint",
    "Creality_?[ ]?(?:Print|Slicer)|Snapmaker[_ ](?:Luban|Orca)|Inkscape|FreeCAD|Fusion 360|OctoPrint|UVtools",
    "Repetier-Host|PreForm|Z-Suite",
)
_MARK = _any(
    "alpha|beta|rc|dev|main|master|nightly|[Rr]elease|[Ww]in(?:dows)?(?:32|64)?|[Ll]inux|[Mm]acOS|osx|x64|x86_64|arm64",
    "armhf|aarch64|universal|Intel|UNKNOWN|GTK[23]|PRO|FREE|PREMIUM|64bit|64-bits?",
)
_VERSION = rb"(?:v?\d{1,5}(?:\.\d{1,5}){0,4}(?>[-+_ .]?(?:" + _MARK + rb"|\d{1,5}(?!\d)))*[+]?|" + _MARK + rb")"

# What a generator calls itself, wherever it stands in the comment.
GENERATOR = re.compile(_NAMES + rb"(?![A-Za-z0-9])")

_ROWS: "list[tuple[str, bytes]]" = [
    # who wrote it; when is nobody's business
    (
        "any",
        rb"\s*(?:G-?[Cc]ode )?(?:(?:[Gg]enerated|[Ss]liced|[Cc]reated|[Ee]xported) (?:by|with|using):? )?(?:"
        + _NAMES
        + rb")(?:\(R\))?"
        rb"(?:[ ][Vv]ersion)?(?:[ -]{1,3}" + _VERSION + rb")?(?:(?:,| on| at)[ ](?P<date>\S.*?))?",
    ),
    ("any", rb"\s*[Vv]ersion:? " + _VERSION),
    # names of what is printed
    (
        "any",
        rb"\s*(?:stop |start )?printing object,? (?!unique label id: \d+\s*$)(?P<object>\S.*?)"
        rb"(?: id:\d+)?(?: copy \d+)?",
    ),
    ("any", rb"\s*(?:stop |start )?printing object,? unique label id: \d+"),
    ("Cura", rb"\s*MESH:\s*(?!NONMESH\s*$)(?P<object>.*)"),
    ("Cura", rb"\s*MESH:\s*NONMESH"),
    ("Cura", rb"\s*Sliced (?P<filename>\S.*? )?at: (?P<date>.*)"),
    ("ideaMaker", rb"\s*PRINTING:\s*(?!NON-OBJECT\s*$)(?P<object>\S.*)"),
    ("ideaMaker", rb"\s*PRINTING:\s*NON-OBJECT"),
    ("KISSlicer", rb"\s*'(?P<filename>[^']*\.[A-Za-z0-9]{1,6})'"),
    ("KISSlicer", rb"\s*(?:Built|Saved): (?P<date>.*)"),
    ("Simplify3D", rb"\s*(?:applyToModels|applyToModel),(?P<filename>.*)"),
    (
        "any",
        rb"\s*(?:(?:svg|dxf|gcode|source|input|output|model|stl|3mf) )?file(?:name)?(?::| =) ?"
        rb"(?P<filename>\S.*)",
    ),
    # blocks that hide text or a picture
    ("Cura", rb"(?P<opaque>SETTING_\d.*)"),
    ("Cura", rb"\s*(?P<opaque>CURA_(?:PROFILE|OPENSCAD)_STRING.*)"),
    ("KISSlicer", rb"\s*(?P<opaque>\^.*|(?=[0-9A-F]{4})[0-9]*[A-F][0-9A-F]*)"),
    ("any", rb"\s*(?P<thumbnail>(?:thumbnail|image|preview|icon)\s*[:=]\s*(?:data:)?[A-Za-z0-9+/=;,:]{24,}.*)"),
    ("any", rb"[;\s]*(?P<thumbnail>[gs]image:.*)"),
]
ROWS = tuple((slicer, re.compile(pattern, re.DOTALL)) for slicer, pattern in _ROWS)
# Whether one of them would match, in one go.
ROW = re.compile(b"|".join(b"(?:%s)" % re.sub(rb"\(\?P<\w+>", b"(?:", pattern) for _, pattern in _ROWS), re.DOTALL)

# Tried after a comment was found to hold words that are nobody's but the owner's: what of it can be saved.
_RESCUE: "list[tuple[str, bytes]]" = [
    ("LightBurn", rb"\s*Layer (?P<profile_name>\S.*?)(?: Pass \d+ of \d+)?"),
    ("Simplify3D", rb"\s*process (?P<profile_name>\S.*)"),
    (
        "any",
        rb"\s*(?:Post[ -]?processed|Processed|Modified|Exported|Generated|Created) (?:by|with|on|for):? ?"
        rb"(?P<note>\S.*)",
    ),
]
RESCUE = tuple((slicer, re.compile(pattern, re.DOTALL)) for slicer, pattern in _RESCUE)

# Comments and commands that come so often that they are passed over without a second look.
_FEATURES = _any(
    "(?:External |Overhang )?[Pp]erimeter|(?:Internal |Solid |Top solid |Bridge |Gap |Internal bridge |Sparse )infill",
    "(?:Outer|Inner|Overhang|Thin) wall|Internal solid infill|(?:Top|Bottom) surface|(?:Internal )?Bridge",
    "Support material(?: interface)?|Support(?: interface| transition)?|Skirt/Brim|Skirt|Brim|Gap [Ff]ill|Custom",
    "Wipe tower|Prime tower|Ironing|WALL-OUTER|WALL-INNER|SKIN|FILL|SKIRT|SUPPORT(?:-INTERFACE)?|PRIME-TOWER",
)
_FIGURES = _any(
    "WIDTH|HEIGHT|Z|LAYER|LAYER_COUNT|TIME_ELAPSED|TIME|LAYER_Z|PRINTING_TIME|REMAINING_TIME|TOOL|PRINTING_ID",
    " Z_HEIGHT| LAYER_HEIGHT| LINE_WIDTH",
)
_SAYINGS = _any(
    "[ ]?(?:LAYER_CHANGE|(?:BEFORE|AFTER)_LAYER_CHANGE|CHANGE_LAYER|_?WIPE(?:_START|_END)?)|_EXTERNAL_PERIMETER",
    "[ ](?:feature|perimeter|infill|skirt|brim|retract|unretract|travel|outer perimeter|inner perimeter|solid layer)",
)
# Of M, what takes a text is looked at; of any, what has more than letters and numbers.
_TEXTS = rb"(?:0*[01]|16|2[38]|3[02368]|11[78]|29[12]|47[0-2]|486|5[4-9]\d|928)(?!\d)"
HOT = re.compile(
    rb"(?:;(?:[ ]?(?:TYPE|FEATURE):[ ]?"
    + _FEATURES
    + rb"|"
    + _FIGURES
    + rb":[ ]?-?[0-9]{1,8}(?:\.[0-9]{0,9})?|"
    + _SAYINGS
    + rb"|[ ]?-?[0-9]{1,4}(?:\.[0-9]{1,6})?|[ ]?layer [0-9]{1,6}, Z = [0-9]{1,4}\.[0-9]{1,6})?[ ]?(?:\n|\Z)"
    + rb"|(?:M(?!"
    + _TEXTS
    + rb")\d{1,4}(?:\.\d)?(?:[ ]{0,2}[A-Z](?:-?(?:\d{1,8}(?:\.\d{0,8})?|\.\d{1,8})|(?![A-Za-z])))*|T\d{1,4}"
    + rb"|(?:SET_VELOCITY_LIMIT|SET_PRESSURE_ADVANCE)(?: [A-Z_]+=\d{1,8}(?:\.\d{0,9})?)+)[ ]?(?:\n|(?=;)|\Z))+"
)
