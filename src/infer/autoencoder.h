/*
** autoencoder.h - the kind "autoencoder": windows of a series through a few
** numbers and back (lua/rnn/models/autoencoder.lua).
*/
#ifndef RNLI_AUTOENCODER_H
#define RNLI_AUTOENCODER_H

#include "infer/detector.h"
#include "infer/scaler.h"

typedef struct rnli_Autoencoder {
  int D, W, C;                /* targets, rows of a window, numbers of a code */
  int absolute;               /* the mean of a window says something */
  rnli_Scaler scaler;
  rnli_Recurrent net, decoder;
  rnli_Dense squeeze, out;
  const rnli_Normal *normal;  /* or NULL */
} rnli_Autoencoder;

/* What becomes of a window (W,D), both in the unit of the data. */
int rnli_rebuild (rnl_State *s, const double *window, double *out);

#endif
