/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "codes.h"

#define SD_CARD "is there an SD card in the node, of at most 2 GB? Push it in again, or replace it"
#define SD_FULL "the SD card is full, worn or write-protected: format or replace it"
#define SERVER                                                                                               \
  "check server address, port, user and password in the sketch, and `gatewayctl nodes show` for its login"
#define NO_UPGRADE                                                                                           \
  "is there a contact of this node in its timeline? If not, it did not reach us: check network and "         \
  "port 21; if so, the data connection failed: check passive-ports= in the firewall"
#define OUR_FILE "the file did not come from this gateway: the node speaks to another FTP server"
#define NOTHING_DUE "no mistake: no firmware is due for this node. `gatewayctl explain` says why"
#define RAISE_VERSION                                                                                        \
  "push the program again: the gateway takes the next version by itself; GPRS nodes take at most 127"
#define NEW_SIZE                                                                                             \
  "an interrupted download: the node tries again by itself. If it stays so, look for a proxy between us"
#define IMAGE                                                                                                \
  "look at the update's timeline: no bytes asked for means firewall or passive-ports=; some bytes mean "     \
  "a weak link; refused means that window or rule closed meanwhile"
#define NETWORK                                                                                              \
  "modem and mobile network: signal, SIM, APN, user and password of the APN in the library's header"
#define MODEM "the modem refused a setting: power-cycle it, then check its firmware version against the guide"
#define BUSY "an FTP session of the modem was left open: power-cycle the modem before the next request"
#define TEXT_ARGUMENT                                                                                        \
  "server, user or password in the sketch hold a character that the modem does not take, or are too long"

static const char WIFI[] = "wifi", LTE[] = "4g", GPRS[] = "gprs", UMTS[] = "3g";

/* A failure that has a second code when the modem also gave a CME error. */
#define BOTH(group, code, cme_code, meaning, advice)                                                         \
  { group, code, meaning, advice },                                                                          \
  {                                                                                                          \
    group, cme_code, meaning "; the modem gave a CME error", advice                                          \
  }

const GatewayCode WASPMOTE_CODES[WASPMOTE_N_CODES] = {
  { WIFI, "0010", "no SD card was found", SD_CARD },
  { WIFI, "0021", "UPGRADE.TXT could not be downloaded", NO_UPGRADE },
  { WIFI, "0022", "the name behind FILE has not 7 characters", OUR_FILE },
  { WIFI, "0023", "no FILE label in UPGRADE.TXT", OUR_FILE },
  { WIFI, "0024", "UPGRADE.TXT says NO_FILE", NOTHING_DUE },
  { WIFI, "0025", "no PATH label in UPGRADE.TXT", OUR_FILE },
  { WIFI, "0026", "no SIZE label in UPGRADE.TXT", OUR_FILE },
  { WIFI, "0027", "no VERSION label in UPGRADE.TXT", OUR_FILE },
  { WIFI, "0028", "the same program runs already in this or a higher version", RAISE_VERSION },
  { WIFI, "0029", "the file on the SD card has not the size that UPGRADE.TXT names", NEW_SIZE },
  { WIFI, "0030", "the image could not be downloaded", IMAGE },

  { LTE, "1", "the SD card could not be used", SD_CARD },
  { LTE, "2", "UPGRADE.TXT could not be downloaded", NO_UPGRADE },
  { LTE, "3", "the FTP session could not be opened", SERVER },
  { LTE, "4", "the name behind FILE has not 7 characters", OUR_FILE },
  { LTE, "5", "no FILE label in UPGRADE.TXT", OUR_FILE },
  { LTE, "6", "UPGRADE.TXT says NO_FILE", NOTHING_DUE },
  { LTE, "7", "no PATH label in UPGRADE.TXT", OUR_FILE },
  { LTE, "8", "no SIZE label in UPGRADE.TXT", OUR_FILE },
  { LTE, "9", "no VERSION label in UPGRADE.TXT", OUR_FILE },
  { LTE, "10", "the same program runs already in this or a higher version", RAISE_VERSION },
  { LTE, "11", "the file on the SD card has not the size that UPGRADE.TXT names", NEW_SIZE },
  { LTE, "12", "the image could not be downloaded: step 1 of the download", IMAGE },
  { LTE, "13", "the size of the image could not be learnt", IMAGE },
  { LTE, "14", "the image could not be downloaded: step 3 of the download", IMAGE },
  { LTE, "15", "the image could not be downloaded: step 4 of the download", IMAGE },
  { LTE, "16", "the image could not be downloaded: step 5 of the download", IMAGE },
  { LTE, "17", "the image could not be downloaded: step 6 of the download", IMAGE },
  { LTE, "18", "the download of the image was not begun: the modem's GET was refused", IMAGE },
  { LTE, "19", "the image could not be downloaded: step 8 of the download", IMAGE },
  { LTE, "20", "the image could not be downloaded: step 9 of the download", IMAGE },
  { LTE, "21", "the image could not be downloaded: step 10 of the download", IMAGE },
  { LTE, "22", "the image could not be downloaded: step 11 of the download", IMAGE },
  { LTE, "23", "the image could not be downloaded: step 12 of the download", IMAGE },
  { LTE, "24", "the image could not be downloaded: step 13 of the download", IMAGE },
  { LTE, "25", "the FTP session could not be closed after UPGRADE.TXT", BUSY },
  { LTE, "26", "the second FTP session, for the image, could not be opened", SERVER },

  { GPRS, "1", "the image is on the SD card and will be loaded", "nothing to do" },
  { GPRS, "-2", "an error without a name", MODEM },
  { GPRS, "-4", "the type of Internet connection could not be set", NETWORK },
  { GPRS, "-5", "the APN could not be set", NETWORK },
  { GPRS, "-6", "the APN's user could not be set", NETWORK },
  { GPRS, "-7", "the APN's password could not be set", NETWORK },
  { GPRS, "-8", "the network settings could not be stored", NETWORK },
  { GPRS, "-9", "the mobile network gave no data connection", NETWORK },
  { GPRS, "-10", "UPGRADE.TXT could not be downloaded", NO_UPGRADE },
  { GPRS, "-11", "the mobile network gave no IP address", NETWORK },
  BOTH(GPRS, "-12", "-50", "UPGRADE.TXT: the FTP profile could not be chosen", MODEM),
  BOTH(GPRS, "-13", "-51", "UPGRADE.TXT: passive mode could not be set", MODEM),
  BOTH(GPRS, "-14", "-52", "UPGRADE.TXT: binary type could not be set", MODEM),
  BOTH(GPRS, "-15", "-53", "UPGRADE.TXT: the modem did not take the server address", TEXT_ARGUMENT),
  BOTH(GPRS, "-16", "-54", "UPGRADE.TXT: the modem did not take the port", TEXT_ARGUMENT),
  BOTH(GPRS, "-17", "-55", "UPGRADE.TXT: the modem did not take the user", TEXT_ARGUMENT),
  BOTH(GPRS, "-18", "-56", "UPGRADE.TXT: the modem did not take the password", TEXT_ARGUMENT),
  BOTH(GPRS, "-21", "-57", "UPGRADE.TXT: the modem did not take the file name", MODEM),
  BOTH(GPRS, "-22", "-58", "UPGRADE.TXT: the modem did not take the path", MODEM),
  BOTH(GPRS, "-23", "-59", "UPGRADE.TXT: the FTP session could not be opened", SERVER),
  { GPRS, "-24", "UPGRADE.TXT: the SD card could not be used", SD_CARD },
  { GPRS, "-25", "UPGRADE.TXT: no file could be made on the SD card", SD_FULL },
  BOTH(GPRS, "-26", "-60", "UPGRADE.TXT: no data came", NO_UPGRADE),
  { GPRS, "-27", "UPGRADE.TXT: it could not be written to the SD card", SD_FULL },
  BOTH(GPRS, "-28", "-61", "UPGRADE.TXT: the data ended early", NO_UPGRADE),
  BOTH(GPRS, "-30", "-62", "UPGRADE.TXT: the modem did not take the file name to ask for its size", MODEM),
  BOTH(GPRS, "-31", "-63", "UPGRADE.TXT: the modem did not take the path to ask for its size", MODEM),
  BOTH(GPRS, "-32", "-64", "UPGRADE.TXT: its size could not be learnt", NO_UPGRADE),
  { GPRS, "-65", "UPGRADE.TXT: the modem's FTP was busy", BUSY },
  { GPRS, "-66", "no FILE label in UPGRADE.TXT", OUR_FILE },
  { GPRS, "-67", "no PATH label in UPGRADE.TXT", OUR_FILE },
  { GPRS, "-68", "no VERSION label in UPGRADE.TXT", OUR_FILE },
  { GPRS, "-69", "UPGRADE.TXT says NO_FILE", NOTHING_DUE },
  { GPRS, "-70", "the same program runs already in this or a higher version, or the new version is above 127",
    RAISE_VERSION },
  { GPRS, "-71", "the image: the mobile network gave no data connection", NETWORK },
  { GPRS, "-72", "the image could not be downloaded", IMAGE },
  { GPRS, "-73", "the image: the mobile network gave no IP address", NETWORK },
  BOTH(GPRS, "-74", "-112", "the image: the FTP profile could not be chosen", MODEM),
  BOTH(GPRS, "-75", "-113", "the image: passive mode could not be set", MODEM),
  BOTH(GPRS, "-76", "-114", "the image: binary type could not be set", MODEM),
  BOTH(GPRS, "-77", "-115", "the image: the modem did not take the server address", TEXT_ARGUMENT),
  BOTH(GPRS, "-78", "-116", "the image: the modem did not take the port", TEXT_ARGUMENT),
  BOTH(GPRS, "-79", "-117", "the image: the modem did not take the user", TEXT_ARGUMENT),
  BOTH(GPRS, "-80", "-118", "the image: the modem did not take the password", TEXT_ARGUMENT),
  BOTH(GPRS, "-83", "-119", "the image: the modem did not take the file name", MODEM),
  BOTH(GPRS, "-84", "-120", "the image: the modem did not take the path", MODEM),
  BOTH(GPRS, "-85", "-121", "the image: the FTP session could not be opened", SERVER),
  { GPRS, "-86", "the image: the SD card could not be used", SD_CARD },
  { GPRS, "-87", "the image: no file could be made on the SD card", SD_FULL },
  BOTH(GPRS, "-88", "-122", "the image: no data came", IMAGE),
  { GPRS, "-89", "the image: it could not be written to the SD card", SD_FULL },
  BOTH(GPRS, "-90", "-123", "the image: the data ended early", IMAGE),
  BOTH(GPRS, "-92", "-124", "the image: the modem did not take the file name to ask for its size", MODEM),
  BOTH(GPRS, "-93", "-125", "the image: the modem did not take the path to ask for its size", MODEM),
  BOTH(GPRS, "-94", "-126", "the image: its size could not be learnt", IMAGE),
  { GPRS, "-127", "the image: the modem's FTP was busy", BUSY },

  { UMTS, "1", "the image is on the SD card and will be loaded", "nothing to do" },
  { UMTS, "-2", "the APN could not be set", NETWORK },
  BOTH(UMTS, "-3", "-13", "the modem did not take the server address", TEXT_ARGUMENT),
  BOTH(UMTS, "-4", "-14", "the modem did not take the port", TEXT_ARGUMENT),
  BOTH(UMTS, "-5", "-15", "passive mode could not be set", MODEM),
  BOTH(UMTS, "-6", "-16", "binary type could not be set", MODEM),
  BOTH(UMTS, "-7", "-17", "the modem did not take the user", TEXT_ARGUMENT),
  BOTH(UMTS, "-8", "-18", "the modem did not take the password", TEXT_ARGUMENT),
  { UMTS, "-19", "UPGRADE.TXT could not be downloaded", NO_UPGRADE },
  { UMTS, "-21", "UPGRADE.TXT could not be downloaded; the modem gave an FTP error", NO_UPGRADE },
  { UMTS, "-22", "UPGRADE.TXT did not get from the modem to the SD card", SD_FULL },
  { UMTS, "-23", "no FILE label in UPGRADE.TXT", OUR_FILE },
  { UMTS, "-24", "no PATH label in UPGRADE.TXT", OUR_FILE },
  { UMTS, "-25", "no VERSION label in UPGRADE.TXT", OUR_FILE },
  { UMTS, "-26", "UPGRADE.TXT says NO_FILE", NOTHING_DUE },
  { UMTS, "-27", "the same program runs already in this or a higher version", RAISE_VERSION },
  { UMTS, "-28", "the image could not be downloaded", IMAGE },
  { UMTS, "-31", "the image could not be downloaded; the modem gave an FTP error", IMAGE },
  { UMTS, "-32", "the image did not get from the modem to the SD card", SD_FULL },
};
