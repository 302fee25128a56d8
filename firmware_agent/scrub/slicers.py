r"""What each slicer writes in its comments that has a shape of its own: one table.

A row: (slicer, pattern of a whole comment after its ";"). A named group is what goes, and its name says how: object
(renamed, b"object_1"), drop (nothing is left), any other: a kind of token. What is outside the groups stays, so it may
only be text that is written out here, or numbers. All rows are tried on all files, whoever wrote them: forks and
post-processors write each other's comments, and the name at the top of a file proves nothing. Settings ("; key = value")
and sentences have no rows: see gcode_settings.py and gcode_text.py.
"""

import re

_NAMES = (
    rb"PrusaSlicer|SuperSlicer|OrcaSlicer|OrcaSlicer-BBL|BambuStudio|Slic3r Prusa Edition|Slic3r|Cura_SteamEngine|Ultimaker Cura|"
    rb"Cura|Simplify3D|ideaMaker|KISSlicer|LightBurn(?: Core)?|LaserGRBL|LaserWeb|IceSL|Kiri:Moto|CraftWare|MatterControl|MatterSlice|"
    rb"Pathio|QIDISlicer|QIDI Studio|AnycubicSlicer(?:Next)?|ElegooSlicer|Creality_?[ ]?(?:Print|Slicer)|FlashPrint|Snapmaker Luban|"
    rb"Snapmaker_Orca|Inkscape|FreeCAD|Fusion 360|Slic3r PE|OctoPrint|UVtools|Repetier-Host|Voxeldance Additive|PreForm|Z-Suite"
)
_MARK = rb"alpha|beta|rc|dev|main|master|nightly|release|Release|win(?:dows)?(?:32|64)?|Win(?:dows)?(?:32|64)?|linux|Linux|MacOS|macOS|osx|x64|x86_64|arm64|armhf|aarch64|universal|Intel|UNKNOWN|GTK[23]|PRO|FREE|PREMIUM|64bit|64-bits?"
_VERSION = rb"(?:v?\d{1,5}(?:\.\d{1,5}){0,4}(?:[-+_ .]?(?:" + _MARK + rb"|\d{1,5}))*[+]?|main|master|" + _MARK + rb")"

# What a generator calls itself, wherever it stands in the comment.
GENERATOR = re.compile(rb"(?:" + _NAMES + rb")(?![A-Za-z0-9])")

_ROWS: "list[tuple[str, bytes]]" = [
    # who wrote it; when is nobody's business
    (
        "any",
        rb"\s*(?:G-?[Cc]ode )?(?:(?:[Gg]enerated|[Ss]liced|[Cc]reated|[Ee]xported) (?:by|with|using):? )?(?:"
        + _NAMES
        + rb")(?:\(R\))?"
        rb"(?:[ ][Vv]ersion)?(?:[ -]{1,3}" + _VERSION + rb")?(?:(?:,| on| at)[ ](?P<date>\S.*?))?\s*",
    ),
    ("any", rb"\s*[Vv]ersion:? " + _VERSION + rb"\s*"),
    # names of what is printed
    (
        "any",
        rb"\s*(?:stop |start )?printing object,? (?!unique label id: \d+\s*$)(?P<object>\S.*?)(?: id:\d+)?(?: copy \d+)?\s*",
    ),
    ("any", rb"\s*(?:stop |start )?printing object,? unique label id: \d+\s*"),
    ("Cura", rb"MESH:(?!NONMESH\s*$)(?P<object>.*?)\s*"),
    ("Cura", rb"MESH:NONMESH\s*"),
    ("Cura", rb"\s*Sliced (?P<filename>\S.*? )?at: (?P<date>.*?)\s*"),
    ("Cura", rb"\s*Sliced at: (?P<date>.*?)\s*"),
    ("ideaMaker", rb"PRINTING:\s*(?!NON-OBJECT\s*$)(?P<object>\S.*?)\s*"),
    ("ideaMaker", rb"PRINTING:\s*NON-OBJECT\s*"),
    ("KISSlicer", rb"\s*'(?P<filename>[^']*\.[A-Za-z0-9]{1,6})'\s*"),
    ("KISSlicer", rb"\s*(?:Built|Saved): (?P<date>.*?)\s*"),
    ("Simplify3D", rb" {3}(?:applyToModels|applyToModel),(?P<filename>.*?)\s*"),
    (
        "any",
        rb"\s*(?:(?:svg|dxf|gcode|source|input|output|model|stl|3mf) )?file(?:name)?(?::| =) ?(?P<filename>\S.*?)\s*",
    ),
    # blocks that hide text or a picture
    ("Cura", rb"(?P<opaque>SETTING_\d.*)"),
    ("Cura", rb"\s*(?P<opaque>CURA_(?:PROFILE|OPENSCAD)_STRING.*)"),
    ("KISSlicer", rb"\s*(?P<opaque>\^.*|[0-9A-F]{2,}\s*)"),
    ("any", rb"\s*(?P<thumbnail>(?:thumbnail|image|preview|icon)\s*[:=]\s*(?:data:)?[A-Za-z0-9+/=;,:]{24,}.*)"),
    ("any", rb"[;\s]*(?P<thumbnail>[gs]image:.*)"),
]
ROWS = tuple((slicer, re.compile(pattern, re.DOTALL)) for slicer, pattern in _ROWS)

# Tried after a comment was found to hold words that are nobody's but the owner's: what of it can be saved.
_RESCUE: "list[tuple[str, bytes]]" = [
    ("LightBurn", rb"\s*Layer (?P<profile_name>\S.*?)(?: Pass \d+ of \d+)?\s*"),
    ("Simplify3D", rb"\s*process (?P<profile_name>\S.*?)\s*"),
    (
        "any",
        rb"\s*(?:Post[ -]?processed|Processed|Modified|Exported|Generated|Created) (?:by|with|on|for):? ?(?P<note>\S.*?)\s*",
    ),
]
RESCUE = tuple((slicer, re.compile(pattern, re.DOTALL)) for slicer, pattern in _RESCUE)

# Comments and commands that come so often that they are passed over without a second look.
HOT = re.compile(
    rb"(?:;(?:[ ]?(?:TYPE|FEATURE):[ ]?(?:External perimeter|Perimeter|Internal infill|Solid infill|Top solid infill|Overhang perimeter|Bridge infill|"
    rb"Support material(?: interface)?|Skirt/Brim|Skirt|Gap [Ff]ill|Gap infill|Custom|Wipe tower|Ironing|Internal bridge infill|Thin wall|"
    rb"WALL-OUTER|WALL-INNER|SKIN|FILL|SKIRT|SUPPORT(?:-INTERFACE)?|PRIME-TOWER|Outer wall|Inner wall|Overhang wall|Sparse infill|"
    rb"Internal solid infill|Top surface|Bottom surface|Bridge|Internal Bridge|Prime tower|Brim|Support(?: interface| transition)?)"
    rb"|(?:WIDTH|HEIGHT|Z|LAYER|LAYER_COUNT|TIME_ELAPSED|TIME|LAYER_Z|PRINTING_TIME|REMAINING_TIME|TOOL|PRINTING_ID|"
    rb"[ ](?:Z_HEIGHT|LAYER_HEIGHT|LINE_WIDTH)):[ ]?-?[0-9]{1,8}(?:\.[0-9]{0,9})?"
    rb"|[ ]?(?:LAYER_CHANGE|BEFORE_LAYER_CHANGE|AFTER_LAYER_CHANGE|CHANGE_LAYER|_?WIPE(?:_START|_END)?)|_EXTERNAL_PERIMETER|"
    rb"[ ](?:feature|perimeter|infill|skirt|brim|retract|unretract|travel|outer perimeter|inner perimeter|solid layer|skirt)"
    rb"|[ ]?-?[0-9]{1,4}(?:\.[0-9]{1,6})?|[ ]?layer [0-9]{1,6}, Z = [0-9]{1,4}\.[0-9]{1,6})?[ ]*"
    rb"|(?:M(?!(?:0*[01]|16|2[38]|3[02368]|11[78]|47[0-2]|486|5[4-9]\d|928)(?!\d))\d{1,4}(?:\.\d)?(?:[ ]{0,2}[A-Z]-?(?:\d{1,8}(?:\.\d{0,8})?|\.\d{1,8})?)*"
    rb"|T\d{1,4}|(?:SET_VELOCITY_LIMIT|SET_PRESSURE_ADVANCE)(?: [A-Z_]+=\d{1,8}(?:\.\d{0,9})?)+)[ ]*(?=[\n;]|\Z))(?:\n|(?=;)|\Z)"
)
