/*
** embedded.h - the Lua half of the module as data; the table is written by
** embed.lua when the library is built. A row without a name ends it.
*/
#ifndef RNNLUA_EMBEDDED_H
#define RNNLUA_EMBEDDED_H

#include <stddef.h>

typedef struct rnnlua_Source {
  const char *name;     /* of the module: "rnn.layers.lstm" */
  const char *path;     /* of the file, for messages */
  const char *source;
  size_t size;
} rnnlua_Source;

extern const rnnlua_Source rnnlua_sources[];

#endif
