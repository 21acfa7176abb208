/*
** forecaster.h - the kind "forecaster": what follows the rows of a series
** (lua/rnn/models/forecaster.lua).
*/
#ifndef RNLI_FORECASTER_H
#define RNLI_FORECASTER_H

#include "infer/attention.h"
#include "infer/detector.h"
#include "infer/scaler.h"

typedef enum rnli_Strategy {
  RNLI_RECURSIVE, RNLI_DIRECT, RNLI_SEQ2SEQ
} rnli_Strategy;

/* What is said of a number: P of the network's become it. */
typedef enum rnli_Output {
  RNLI_POINT,                 /* 1 */
  RNLI_QUANTILES,             /* Q */
  RNLI_GAUSSIAN               /* 2: the mean, the logarithm of the variance */
} rnli_Output;

/* A series that was learnt; of a name that is there twice the last counts. */
typedef struct rnli_Learnt {
  const char *name;
  rnli_Scaler target, others; /* of D; of E + own columns, if any */
} rnli_Learnt;

typedef struct rnli_Forecaster {
  int D, E, K;                /* targets, inputs, columns known ahead: */
  int own, dates;             /* 'own' of the data, and 2 for each date */
  int P, DP;
  int W, H;                   /* steps of a window and of what follows */
  int span;                   /* rows that a window takes */
  rnli_Strategy strategy;
  rnli_Output output;
  int Q, middle;              /* quantiles; the one that is 0.5 */
  const double *quantile;     /* (Q) */
  const float *normal;        /* (Q) those of the normal distribution */
  int nlags, lag[2];          /* of differences */
  const double *v, *y;        /* (D) sizes of what is read, and said */
  const int *date;            /* (dates) */
  int nseries;
  const rnli_Learnt *series;
  const rnli_Normal *normal_rows;   /* or NULL */
  int attends;
  int F;                      /* features that 'out' reads */
  rnli_Recurrent net, decoder;
  rnli_Attention attention;
  rnli_Dense out, known_out;
} rnli_Forecaster;

/* Rows of a series as a table of levels. */
typedef struct rnli_Levels {
  const rnli_Learnt *series;
  float *z, *x;               /* (rows,D), (rows,E+K) */
} rnli_Levels;

/*
** Rows from .. from + T - 1 of a table become those of values (T, D+E+own), or
** their targets alone those of y (T,D).
*/
int rnli_forecast_fill (rnl_State *s, const rnli_Levels *to, size_t from,
                        const double *values, const double *times, size_t T);
void rnli_forecast_put (const rnli_Levels *to, size_t from, const double *y,
                        size_t T);

/*
** The first 'take' of the next H steps after row 'at' of a table, of any number
** for a recursive model and of its own for another one: y (take,D), and
** 'quantile' (take,D,Q) unless it is NULL. Read are the 'span' rows up to 'at'
** and, but for targets, the H behind it. Recursive ones draw so many paths,
** unless these are 1.
*/
int rnli_forecast_at (rnl_State *s, const rnli_Levels *table, size_t at, int H,
                      int take, int paths, rnl_Rng *rng, double *y,
                      double *quantile);

#endif
