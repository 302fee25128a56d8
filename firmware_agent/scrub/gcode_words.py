"""Words that a slicer, a firmware or a vendor's profile writes: a comment of these alone names nobody.

Where they come from: the names and the values of settings and the comments in the start and end code of the profiles
that are shipped with PrusaSlicer 2.5 (AGPL-3.0) and Cura 4.13 (LGPL-3.0), each word used by three vendors or more; the
names of the options of OrcaSlicer and SuperSlicer, as their public documentation lists them; what the other slicers
write by themselves, by hand. Single words are facts, no text is taken over. First names and words that say whose a
thing is are left out.
"""

WORDS = frozenset(
    b"""
aarch abl abort aborted above abrasive abs absolute acc accel acceleration accelerations accelerometer account
action activate active actual adaptation adaptive adaptivecubic add additional adhesion adhesiveness adjust advance
advanced aesthetic after again air airgap akerbot algo aliasing align aligned alignedrectilinear all allow allows
along alpha also alternate aluminum always amd amount ams an anchor anchors and angle angles another anti any
anycubic apple arachne arc archimedean arcs are area areas arm artillery as asa ascii astrobox at auto autoemit
autoenlarged autolevel automatic autospeed aux auxiliary average avg avoid avoidance avoids away axes axis back
backlash backleft backright bambu bambustudio bar base based basic baud bbl be bead beam bed bedtexture been beep
beeper before begin beginning below best beta between bias bibo big bigtreetech binary biqu bit bits bl black blob
block bltouch blue board body bonding boring both bottom boundary bounds bowden branch break breakaway bridge
bridged bridges bridging bright brim brims bring brown brush btt buddy buffer build buildplate burn burning but
buzzer bvoh by calculate cali calib calibrate calibrating calibration cancel canceled cancelled carbon card carriage
cartesian case category ccw celsius center centre cf chamber change changed changelog changer changes changing char
check checker checksum circumference claim classic clean cleaning clear clearance clearing clip clock clockwise
close closing cm coast coasting code codes coefficient coefficients cold colder collapse collides collision color
colorprint colors colour colpic combination combine combing comma command commands comment comments compatible
compensate compensation complete completed concave concentric condition conditional cone config configuration
conical connect connected connection connections contact continue continuous contour contours control convex cool
coolant cooldown cooled cooling coordinates coords core cores corexy corner corners correct correction correctly
cost costs count counterbore counterclockwise counts cpe craftware crc creality critical cross crossing crown
crtouch crystallinity cubic cubicsubdiv cummulative cumulative cura curled curr current currents curve custom cut
cutoff cuts cutter cutting cw cyan darwin dataset date datum day days de debug decel deceleration dee default
defaults deg degrees delay delta deltabot deltacomb dense density dependent depth deretract deretraction destring
detail detect detection detector detour dev deviation device dhoneycomb dialect diameter difference different
digital digits dim diode dip direct directdrive direction disable disabled disabling disallowed dispersal display
dist distance distances distribution dlp do don done dont dot double down dpi draft drag draw drill driver drivers
drop dual duet duplicate duration during duty dwell dynamic each ear ears easy echo edge edition efc einsy elapsed
elefant elegoo elevation elliptic else elsif emergency emit emitted empty emulated enable enabled enabling encoder
end ended ender endif ending endmill endstop endstops energy enforce eng engineering engrave engraving ensure
ensures entire equalize error errors esp estimate estimated estimation estop eta even every everywhere exact exclude
excluded exclusive executable exhaust expand expansion experimental exposure ext extension extensive external extra
extraction extrude extruded extruder extruders extruding extrusion extrusions facing factor fade fahrenheit fail
fall false fan fans fast faster fdm feature features feed feeder feedrate feedrates feeds feet few fff fiber
filament filename fill filled fillet filter filtration final finish finished finishing firmware first fitting fixed
flag flashforge flat flavor flex flexible flip flood floor floors flow flowrate flsun fluidnc flush flushing focus
follow foot for force format forward framework freecad from front frontleft frontright full further fusion fuzzy fw
gamma gantry gap gapfill gaps gauge gcode geeetech generated generator generic gently get gets gf glass go goes gold
good gradual gradually gram grams graph gray grbl grblhal green grey grid guid gyroid half halt hardcoded hardness
has hash hatch have hb head header heat heatbed heated heater heaters heating heatup height helix here heuristic hex
high higher highest hilbert hips hold holding hole holes hollow home homed homes homing honeycomb hop horizontal hot
hotend hotends hotter hour hours hrc hsv hybrid i3 icesl id ideamaker idle if ignore illegal impact imperial in inch
inches inclusive increment independent index indicator inductive infill infills infinity info inherits init initial
initiate inkscape inner input insert insertion inset inside int interface interfaces interior interlaced
interlocking internal internalbridge interpolate interpolated into intro ironed ironing is it its jam jammed jerk
jerks job jog join joint jpg jubilee judge jump junction kd keep keeps kelvin kg ki kickstart kingroon kiri
kisslicer klipper know kobra kp lab label labels labs lamp large laser lasergrbl laserweb last lateral latest
lattice layer layerheight layers lcd led left len length less let level leveling levelling lid lidar lift lifted
lifting light lightburn lightning lights like limit limitation limited limits limitswitch line linear lines linux
linuxcnc list lite little load loaded loading location lock long lookup loop loops loss low lower lowered lowers lti
luban mac mach machine macos macro macros magenta magic magnitude make makerbot makerware makes manual manually map
mapping maps margin marlin mask mass match matches material materials matrix matte mattercontrol max maximum maxx
maxy maxz may md mean measured mech mega melt melted merge mesh meshes meshfix message metal meters method metres
metric mg middle millimeters millimetres milling min minimal minimize minimum minute minutes minx miny minz mirror
mist mixed mk mks ml mm mms mmu modded mode model modified mold monotonic monotonicgapfill monotonicline moonraker
more most motion moto motor motors move moved moves moving much multi multiline multipart multiple multiplier
multitool narrow natural nearest need needed needs negative neo neptune new next ngen nightly nil no noise none
nonmesh nonplanar normal noskin not notch notconnected notes nothole notify now nowhere nozzle nozzles nr null num
number nums nylon object objects obstacle octagram octaves octoprint odd of off offset old on once one only ooze
oozed oozing open operation operations optimal optimization optimize optimized option optional options or orange
orca orcaslicer order organic orientation origin original osx other out outer outershell outline outlines output
outside over overhang overhangs overhung overlap overlapping overrides own pa pacf painted parallel parameter
parameters park parked parking parser part parts pass passes passthrough path pathing pathio paths patter pattern
pause paused pausing pc pcabs pctg peba peek pei pellet penetration per percent percentage perim perimeter
perimeters persistence pet petcf petg physical picture pid pigment pillar pillars pink pix pixels pjl pla plate
platform play plunge plus png pocket pocketing point points polygon polygons polyhole port portrait pos position
positioning positions positive possible post postprocessed potential potentiometer power powerlost pp pre precise
precision prefer preferred preheat preheating preparation prepare prepend present presented presenting preshrink
pressure prev prevent prevention prevents previous prime primed priming print printable printed printer printers
printhead printheads printing prints printspeed prior priority pro probe probing procedure process profile program
progress properly prune prusa prusaconnect prusalink prusament prusaslicer pull purge purged purging purple push put
pva pvb pwm px qidi qoi qq quad quality quarter queue quick quickly rad radius raft rafts raise raised rambo ramming
ramp ramping ramps random randomize range rapid rapids raster rate ratio ratios ratrig raw rc re reach reached
reaching ready really rear recessed record recovery rectangular rectilinear rectilineargapfill red reduce reduction
regex region regions regular relative release remaining remap remote removal remove renamed render renderer repeat
repetier replaces reprap reprapfirmware required requires reset resets resin resolution resonance restart restore
resume resuming retract retracted retracting retraction retractions retracts return reverse rgb rib right ripple
ripples robin rod role roles roof roofing roofs rotate rotation round routine rpm rrf run running runout safe
sailfish same satin saved scale scan scanline scanning scarf scratching screen script sd seam seams sec second
seconds secs see segment segmented select selected send sensor sensors separation sequence sequential serial series
set sets setting settings setup shape shaping share shared sharpest sheath sheet shell shells shield shift short
shortest show shrink shrinkage side silent silk silver simplify single size sizes skeleton skin skinnydip skins skip
skippable skipped skirt skirts skr sla slice sliced slicer slices slicing slicr slide slightly slope sloped slot
slots slow slowdown slower slowly sls small smm smooth smoothed smoothie smoothieware smoothing snapmaker snapshot
snug so soak soften solid solids soluble some something sort sound sovol spacing spaghetti sparse special specific
specifically speed speeds speedup spindle spiral spiralize spiralized spool spools sprinter sq squish st stabilize
stable stacked staggered stair stamping standard standby stars start started starting starts state stats status
stealth steamengine step stepper steppers steps stick stitching stock stop stopping straight straightening strain
strands strategy string structure studio style substitutions superslicer supertack support supportcubic supported
supports sure surface surfaces svg swap sweep switch switches switchwire symmetric synchronize system tab table tack
tag take taken taper target teacup technology tell tells temp temperature temperatures template temps tendency
tetrahedral texture textured than that the their them then there thermistor thermocouple these thick thickness thin
things third this those threads threshold thumbnail thumbnails tilt time timelapse timer times tiny tip to tol
tolerance tone too tool toolchange toolhead toolheads toolpath toolpaths tools top topbottom topinfill total totally
tower towers tpe tpu transition transitions transparent travel travels tray tree triangles triangular trident
trihexagon tronxy true tube turn turned turning turns twice twisted type types ultimaker ultra um uncomment
undefined under uniform union unit units universal unknown unload unloaded unloading unretract unsupported until up
update updated upper upward usage usb use used using uv value values variable variables variant variants variation
vase vases vector velocity vendor version vertical very vibration view visibility visible vol volume volumes
volumetric voron vyper wait waiting waits wall walls wanhao want warming warmup warning was waste watt watts way wcs
weight weighted what wheel when where whether which while white widening width win window windows wipe wiped wiper
wipes wiping wireframe with withdraw without wood work workpiece wrap wrapping write xl xy xyz yellow yes you your
zaa zag zaggify zags zero zig zigzag zigzags zone ztilt
""".split()
)
