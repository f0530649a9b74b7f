/* There is no C library: only what libjpeg-turbo's headers want to see. */
typedef struct FILE FILE;
