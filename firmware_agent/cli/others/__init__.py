"""Who else can open or stream the camera: looked up in the files that the kernel and systemd show, nothing tried."""
