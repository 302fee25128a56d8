"""Words that name nobody, or that are known to stand around a name; facts, collected by hand."""


def _words(text: str) -> "frozenset[str]":
    return frozenset(text.split())


# What stands where a name could stand, and is none.
NOBODY = _words(
    """
a admin all an and anonymous any at auto by default disable disabled empty enable enabled false file for from
guest has host id in is localhost main master name no none not null of off on or origin path redacted root self
string the to true undefined unknown unset upstream user users was with yes
"""
)
# Names that images and boards come with: they tell no one apart.
DEFAULTS = _words(
    """
armbian bananapi biqu creality debian dietpi elegoo fluidd fluiddpi fluidnc klipper linaro localhost mainsail
mainsailos makerbase mks octopi octopios octoprint orangepi pad pi printer qidi raspberry raspberrypi rock sonic
sovol ubuntu voron
"""
)
# Whose programs printers run: their addresses tell no one apart.
PUBLIC = _words(
    """
0xd34d alexz anycubic arksine artillery3d ayufan bambulab bdring bigtreetech bondtech cartographer3d clon1998
creality cryd-s crysxd danielkucera donkie dw-0 e3d eddycurrent elegoo3d fdev31 flashforge flsun fluidd-core
frix-x gnea guysoft jacksonliam jedisct1 jneilliii jordanrfernandes jschuh julianschill kevinoconnor klipper3d
kyleisah libcamera linux mainsail-crew makerbase-mks makermods marlinfirmware mcu mjonuschat moggieuk
moonraker-obico nlef octoeverywhere octoprint openssl orcaslicer pallets pikvm protoloft prusa3d pypa python
qiditech quinndamerell raspberrypi rogerlz sdahl sineos slic3r snapmaker softfever sovol3d staubgeborener
supermerill synthetos systemd th33xitus theophile thespaghettidetective tornadoweb torvalds ultimaker vezwork
voron-design vorondesign worksasintended zellneralex
"""
)
# Folders that every printer has.
ROOTS = _words(
    """
.octoprint .thumbs cache config data files gcode gcode_files gcodes home image local logs media metadata mnt
model printer_data sd sdcard server thumbnails timelapse tmp uploads usb users video
"""
)
# The name of a file does not begin with these: they are what a program says before it.
SAID = _words(
    """
a add added adding already an analysing analysis analyzing and at been begin begins by cache cached cancel
canceled cancelled card cleared complete completed create created creating current debug delete deleted deleting
destination done download downloaded downloading end ended ending entry error exists fail failed file filename
files finish finished for found from gcode has have in info is item job jobs load loaded loading local metadata
missing model move moved moving name new no none not of old on open opened opening path pause paused pausing
pending print printed printing process processed processing queue queued read reading remove removed removing
rename renamed reprint reprinting resume resumed resuming row save saved saving sd sdcard select selected
selecting sending sent sliced slicing source start started stream streaming target the to update updated
updating upload uploaded uploading user warn warning was with write writing
"""
)
