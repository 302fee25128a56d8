"""Keys whose value identifies, in JSON, in what Python prints and in configuration.

A packed address such as 135440576 is a number that nothing but its key tells from a counter.
"""

# kind: the keys, without case, spaces, _ and -
_TABLE = {
    "printer_sn": """
        sn serial serialnumber serialno printersn printerserial machineserial devid devsn devserial partserial
        boardserial
    """,
    "cloud_id": """
        taskid jobid projectid profileid subtaskid designid modelid userid accountid groupid teamid ownerid memberid
        creatorid plateid instanceidx designerid
    """,
    "rfid_uid": "taguid trayuuid rfid rfiduid nfcuid spooluid tagid trayuid",
    "filename": """
        gcodefile subtaskname filename jobname gcodename designtitle modelname displayname origfilename printname
        currentfile printfile lastfile jobfile plate3mf
    """,
    "ssid": "ssid essid wifissid apssid wifiname networkname stassid",
    "mac": "bssid mac macaddress hwaddr hwaddress ethaddr wifimac btmac",
    "ipv4": "ip ipaddr ipaddress localip lanip stationip wifiip remoteip clientip",
    "user": "username user creator nickname nick login fullname displayuser realname contact",
    "account": """
        owner remotealias account accountname email mail emailaddress phone phonenumber mobile chatid telegramid
    """,
    "author": "author designer",
    "hostname": "hostname mdns mdnsname computername fqdn netbiosname",
    "device_name": "printername devicename devname machinename instancename botname robotname printeralias",
    "token": """
        token apikey accesscode password passwd pass secret authkey psk accesstoken refreshtoken idtoken privatekey
        cookie authorization xapikey passphrase oneshottoken bearer clientsecret appkey appsecret webhook
        signature
        salt secretkey bottoken apitoken pushtoken usertoken reconnecttoken devaccesscode
        accesskey credential credentials pincode bindcode wifipassword wifipass ossurl rtspurl licensekey
    """,
    "session_id": "session sessionid sessionkey sid",
    "uuid": """
        uuid uid guid machineid machineuuid instanceid instanceuuid installid installationid deviceid printerid
        clientid hwid cpuid hardwareid boardid udid fingerprint unionid uniqueid
    """,
    "canbus_uuid": "canbusuuid",
    "gps": "latitude longitude lat lon lng gps location timezonecity",
}
KEYS = {key: kind for kind, keys in _TABLE.items() for key in keys.split()}
