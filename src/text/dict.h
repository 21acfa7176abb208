/*
** dict.h - what the files of dictionaries share: walking the trie of words,
** and how new words are spelled.
*/
#ifndef RNLI_DICT_H
#define RNLI_DICT_H

#include "text/text.h"

enum { RNLI_WORDS = 0, RNLI_TAGS = 1 };   /* roots of the trie */

/* A sequence of code points: that of 'parent', then 'code'. */
typedef struct rnli_Node {
  int32_t parent;
  int32_t code;
  int32_t entry;     /* 1 more than that of the word that ends here, or 0 */
} rnli_Node;

typedef struct rnli_Listed {
  uint64_t freq;     /* never 0 */
  int32_t node;
  int32_t tag;       /* the node where it ends; RNLI_TAGS: none */
} rnli_Listed;

typedef struct rnli_Spelling rnli_Spelling;

struct rnl_Dict {
  rnl_Context *ctx;
  rnli_Node *node;
  size_t nnode, node_room;
  int32_t *slot;               /* a node, or 0 */
  size_t slots;                /* a power of 2, twice the room for nodes */
  rnli_Listed *entry;
  size_t n, room;
  uint64_t total;              /* of all frequencies */
  size_t once;                 /* words whose frequency is 1 */
  rnli_Spelling *spelling;     /* NULL: of earlier words, or none */
};

inline size_t rnli_dict_slot (const rnl_Dict *d, int32_t parent,
                              int32_t code) {
  uint64_t h = rnli_mix(rnli_mix((uintptr_t)d, (uint64_t)parent),
                        (uint64_t)code);
  size_t i = (size_t)(h ^ h >> 32) & (d->slots - 1);
  for (; d->slot[i]; i = (i + 1) & (d->slots - 1)) {
    const rnli_Node *node = &d->node[d->slot[i]];
    if (node->parent == parent && node->code == code) break;
  }
  return i;
}

/* The node of 'parent' and then 'code', or 0. */
inline int32_t rnli_dict_next (const rnl_Dict *d, int32_t parent,
                               int32_t code) {
  return d->slot[rnli_dict_slot(d, parent, code)];
}

/* How often the word that ends at a node occurs; 0 if none does. */
inline uint64_t rnli_dict_freq (const rnl_Dict *d, int32_t node) {
  int32_t entry = d->node[node].entry;
  return entry ? d->entry[entry - 1].freq : 0;
}

/*
** How words are spelled: which characters they begin, go on and end with. A
** word of 1..RNLI_LONGEST_GUESS ideographs that the dictionary lacks has the
** probability fresh * length[n] * that of each character at its place.
*/
enum { RNLI_LONGEST_GUESS = 4 };
enum { RNLI_SINGLE, RNLI_FIRST, RNLI_INNER, RNLI_LAST, RNLI_PLACES };

struct rnli_Spelling {
  double fresh;                               /* logarithms, all of them */
  double length[RNLI_LONGEST_GUESS + 1];
  double (*page)[256][RNLI_PLACES];           /* 0: of no word */
  uint16_t index[(RNLI_MAX_CODE + 1) / 256];
};

/* Makes d->spelling when it is NULL, unless all frequencies are 1. */
int rnli_dict_spell (rnl_Dict *d);

/*
** As rnl_dict_cut, but that it only reads the dictionaries, so that threads may
** share them; memory and messages are of 'ctx'. To guess, rnli_dict_spell must
** have been called since words were set.
*/
int rnli_dict_cut (const rnl_Dict *d, const rnl_Dict *const *user, int nuser,
                   rnl_CutMode mode, rnl_Context *ctx, const char *s,
                   size_t n, rnl_Cut **cuts, size_t *ncuts);

/* Is 'code' an ideograph, or another character that is cut like those? */
int rnli_is_ideograph (int32_t code);

#endif
