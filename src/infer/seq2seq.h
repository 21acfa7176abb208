/*
** seq2seq.h - the kind "seq2seq": an encoder reads tokens, a decoder writes
** others (lua/rnn/models/seq2seq.lua).
*/
#ifndef RNLI_SEQ2SEQ_H
#define RNLI_SEQ2SEQ_H

#include "infer/attention.h"

enum { RNLI_UNKNOWN, RNLI_BEGIN, RNLI_END, RNLI_SYMBOLS };   /* ids */

/* What tokens of a text are. */
typedef enum rnli_Units {
  RNLI_UNITS_WORDS, RNLI_UNITS_CHARS, RNLI_UNITS_JAMO
} rnli_Units;

typedef struct rnli_Seq2seq {
  rnli_Units source_units, target_units;
  const rnl_Words *source, *target;
  rnli_Table read, written;   /* embeddings */
  int bridges, attends;
  int feeds;                  /* the decoder reads [embedding; h~] */
  int A;                      /* features of h~ */
  rnli_Recurrent encoder, decoder;
  rnli_Dense bridge_h, bridge_c;
  rnli_Attention attention;
  rnli_Dense combine;
  rnli_Head out;
} rnli_Seq2seq;

/* What the decoder goes on from, R rows: the texts that it writes. */
typedef struct rnli_Writer {
  float *h, *c;               /* (L,R,H) */
  float *feed;                /* (R,A), with input feeding */
} rnli_Writer;

/* Room for R rows in work memory. */
int rnli_writer (const rnli_Seq2seq *m, rnli_Work *w, int R, rnli_Writer *to);

/* Row i of 'to' becomes row from[i] of 'all', of which there are so many. */
void rnli_writer_pick (const rnli_Seq2seq *m, const rnli_Writer *all, int rows,
                       const int *from, int R, rnli_Writer *to);

/*
** Reads S > 0 ids: the state of one row, and, with attention, what is
** remembered, in work memory.
*/
int rnli_seq2seq_read (rnl_State *s, const int32_t *ids, int S,
                       rnli_Writer *to, rnli_Memory *memory);

/*
** Writes an id in each of R rows: 'scores' (R,V) of what follows. 'weights'
** (R,S) of attention, or NULL.
*/
int rnli_seq2seq_write (rnl_State *s, const int32_t *ids, int R,
                        rnli_Writer *state, const rnli_Memory *memory,
                        float *scores, float *weights);

#endif
