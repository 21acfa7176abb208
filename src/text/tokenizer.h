/*
** tokenizer.h - tokenizers of model files.
*/
#ifndef RNLI_TOKENIZER_H
#define RNLI_TOKENIZER_H

#include "text/text.h"

typedef struct rnli_Tokenizer rnli_Tokenizer;

/*
** The tokenizer of a specification, which lua/rnn/tokenizers wrote; only what
** they would write is taken: RNL_EFORMAT otherwise, and before memory is taken
** for a list of more than 'most' ids. It keeps nothing of 'spec'.
*/
int rnli_tokenizer_new (rnl_Context *ctx, const char *spec, size_t n,
                        size_t most, rnli_Tokenizer **out);
void rnli_tokenizer_free (rnli_Tokenizer *t);   /* NULL is fine */

/* Its ids are 0..size-1; a model has learnt the first 'usable' of them. */
int rnli_tokenizer_size (const rnli_Tokenizer *t);
int rnli_tokenizer_usable (const rnli_Tokenizer *t);

/*
** Text to ids and back, which threads may do at once: memory and messages are
** of the context of the ids, or of 'ctx'. Ids are put behind those that there
** are; on failure some may have been. RNL_EFORMAT if a character has no id.
*/
int rnli_tokenizer_ids (const rnli_Tokenizer *t, const char *s, size_t n,
                        rnli_Ids *ids);
int rnli_tokenizer_text (const rnli_Tokenizer *t, rnl_Context *ctx,
                         const int32_t *id, size_t n, char **out,
                         size_t *nout);

/* Text of ids as they are made: {.tok = t}, and rnli_stream_next for each. */
typedef struct rnli_Stream {
  const rnli_Tokenizer *tok;
  char held[4];     /* the start of a character */
  size_t nheld;
  int begins;       /* a line */
} rnli_Stream;

/*
** The text that can be printed so far, always valid UTF-8; with 'id' NULL, what
** was held back. '*out' is as in rnl_utf8_normalise.
*/
int rnli_stream_next (rnli_Stream *s, rnl_Context *ctx, const int32_t *id,
                      char **out, size_t *nout);

#endif
