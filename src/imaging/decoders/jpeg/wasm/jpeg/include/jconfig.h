/* What libjpeg-turbo's build would find out about the system. The WebAssembly has none of its optional parts. */
#define JPEG_LIB_VERSION 62
#define LIBJPEG_TURBO_VERSION 3.1.0
#define LIBJPEG_TURBO_VERSION_NUMBER 3001000
#define BITS_IN_JSAMPLE 8
