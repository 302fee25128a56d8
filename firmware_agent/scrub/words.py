"""Words that name nobody, or that are known to stand around a name; facts, collected by hand."""


def _words(text: str) -> "frozenset[str]":
    return frozenset(text.split())


# What stands where a name could stand, and is none.
NOBODY = _words(
    """
a admin all an and anonymous any at auto by daemon default disable disabled empty enable enabled false file for from
guest has host id in is localhost main master name no nobody none not null of off on or origin path redacted root self
string the to true undefined unknown unset upstream user users was with www-data yes
"""
)
# How names begin that manuals give as examples; and such names.
EXAMPLES = ("my_", "my-", "your", "new_", "old_", "example", "some_", "placeholder", "xxxx")
_MADE_UP = _words("bblp changeme foo bar maker test tester testuser test_user user1 user2")


def made_up(low: str) -> bool:
    """Whether a manual says so and nobody is called so. low: A-Z folded."""
    return low in _MADE_UP or low.startswith(EXAMPLES)


# Names that images and boards come with: they tell no one apart.
DEFAULTS = _words(
    """
api armbian bananapi biqu btt-cb1 camera cb1 connect creality crowsnest debian dietpi elegoo fluidd fluiddpi fluidnc
gateway homeassistant klipper klipperscreen linaro localhost mainsail mainsailos makerbase mks moonraker octopi
octopios octoprint orangepi pad pi printer proxy qidi raspberry raspberrypi ratos rock router server sonic sovol
spoolman ubuntu voron webcam
"""
)
# Whose programs printers run: their addresses tell no one apart.
PUBLIC = _words(
    """
0xd34d afcproject aler9 alexz andrewellis93 andrewmcgr annex-engineering anycubic arduino arksine armoredturtle
artillery3d ayufan bambulab bambutools bdring beacon3d bigtreetech billyblaze bluenviron bondtech cadriel
cartographer3d clon1998 creality crealityofficial cryd-s crysxd dangerklippers danielkucera donkie doridian duet3d
dw-0 e3d eamars eddycurrent elegoo3d esphome espressif eyal0 fdev31 ffmpeg flashforge flsun fluidd-core foosel
formerlurker frix-x fysetc gnea greghesp guilouz guysoft hakk35 hartk1213 home-assistant jacksonliam jedisct1
jneilliii jordanrfernandes jordanruthe jschuh julianschill kalicocrew kevinoconnor klipper3d klipperscreen kyleisah
ldo-motors libcamera lightburnsoftware linux lixxbox luc-github lynxcrew mainsail-crew makerbase-mks makermods
marlinfirmware mcu meetecho mellow-3d meteyou micropython mjonuschat mkuf moggieuk moonraker-obico mrx8024 nlef
octoeverywhere octoprint openbuilds openssl orcaslicer pallets pedrolamas pikvm platformio protoloft prusa3d pypa
pyserial python qiditech quinndamerell raabi91 raspberrypi rat-os rat-rig repetier reprapfirmware rogerlz sdahl sineos
smoothieware snapmaker softfever sovol3d sovolofficial staubgeborener stm32duino supermerill synthetos systemd terjeio
th33xitus theophile thespaghettidetective tornadoweb torvalds ultimaker vezwork voidtrance voron-design vorondesign
vzbot3d wolfwithsword worksasintended zellneralex
"""
)
# Folders that every printer has.
ROOTS = _words(
    """
.octoprint .thumbs cache config data files gcode gcode_files gcodes home image local logs media metadata mnt
macros model printer_data sd sdcard server sys thumbnails timelapse tmp uploads usb users video www
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

# Parts of the names of repositories that hold what is somebody's own, and no program.
OWN = ("config", "backup", "printer_data", "printer-data", "dotfiles", "settings", "setup", "cfg", "macros", "logs")
# Hosts of services that all use, by the last two parts of their names.
SITES = _words(
    """
anycubic.com anycubicloud.com archive.org bambulab.cn bambulab.com bblmw.com creality.com crealitycloud.cn
crealitycloud.com cxswyjy.com debian.org docker.io fluidd.xyz github.com githubusercontent.com gitlab.com google.com
googleapis.com gstatic.com klipper3d.org mainsail.xyz ntp.org obico.io octoeverywhere.com octoprint.org piwheels.org
prusa3d.com pypi.org python.org pythonhosted.org qidi3d.com raspberrypi.com raspberrypi.org readthedocs.io
simplyprint.io telegram.org thespaghettidetective.com ubuntu.com ultimaker.com
"""
)
# What is said of a network where its name could stand.
NO_NETWORK = _words(
    """
a access available broker changed connected connecting connection disconnected down enabled error failed for got
hostapd interface internet is klippy klipper lost manager management moonraker mqtt network networks no not octoprint
octoeverywhere on online off offline our power printer profile reachable restored scanning server service settings
socket ssid status the timeout unavailable unreachable up via was websocket wi-fi wifi wireless wlan wlan0 your
"""
)
# What stands before the ending of a file and is none: files of firmware, and what programs call things.
NO_FILE = _words(
    """
. * args bed cancel client config config-override daemon deployprobe event flask g gcode homeall homedelta homex homey
homez line math mesh model move np obj params pause point pos printer resume retractprobe self settings sleep start
state status stepper stop this toolhead value var variables vars
"""
)
# Who builds kernels for all: a machine.
BUILDERS = ("root@", "build@", "builder@", "buildbot@", "jenkins@", "armbian@", "runner@", "docker@", "kernel@")
NO_MAILBOX = ("git@", "noreply@", "no-reply@", "notifications@")
# What ends a name with an @ that is no address of mail.
NO_DOMAIN = _words(
    """
bin cfg conf css device gcode gif html jpeg jpg js json local log md mount path png py scope service slice so socket
svg target timer txt
"""
)
