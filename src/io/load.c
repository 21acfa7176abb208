/*
** load.c - reading checkpoints, strictly by the text of the safetensors
** format. A file is untrusted: every number is checked against the bytes that
** are there before it is used, memory stays within the size of the file and a
** constant per tensor, and an error leaves nothing behind.
**
** The header is scanned before the JSON library sees it: in this grammar only
** strings, braces, brackets, digits, commas, colons and white space occur, an
** object in an object and lists in that, and no more members than so many
** tensors need. So the library takes at most a few times the header's size and
** a constant, and recurses three deep.
*/
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/io.h"

enum { STRIDE = 1 << 16 };   /* bytes converted at a time */

static const int64_t MAX_EXTENT = (int64_t)1 << 48;

/* How a dtype of the file becomes one of ours. */
typedef enum Stored {
  SAME, FROM_F16, FROM_BF16, FROM_I64, FROM_U8, UNSUPPORTED
} Stored;

typedef struct Type {
  const char *code;
  int bits;
  rnl_Dtype dtype;
  Stored stored;
} Type;

static const Type types[] = {
  {"F32", 32, RNL_F32, SAME}, {"F64", 64, RNL_F64, SAME},
  {"I32", 32, RNL_I32, SAME}, {"F16", 16, RNL_F32, FROM_F16},
  {"BF16", 16, RNL_F32, FROM_BF16}, {"I64", 64, RNL_I32, FROM_I64},
  {"U8", 8, RNL_I32, FROM_U8}, {NULL, 0, RNL_F32, UNSUPPORTED}
};

typedef struct Entry {
  const char *name;           /* inside the JSON */
  const Type *type;
  int ndim;
  int dim[RNL_MAX_DIMS];
  uint64_t begin, end;
  rnl_Tensor *tensor;
} Entry;

struct rnl_File {
  rnl_Context *ctx;
  json_t *root;               /* owns names and metadata */
  Entry *entry;
  int n;
  rnl_Meta *meta;
  int nmeta;
};

/* What is known while a file is being read. */
typedef struct Reader {
  rnl_Context *ctx;
  const char *path;
  int fd;
  uint64_t size;              /* of the file */
  uint64_t header;            /* bytes of JSON */
  char *json;
  size_t text;                /* bytes of all strings in it, decoded */
  rnl_File *file;
} Reader;

/* {== Errors and bytes =================================================== */

static int refuse (Reader *r, const char *fmt, ...) RNLI_PRINTF(2, 3);

static int refuse (Reader *r, const char *fmt, ...) {
  char text[300];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return rnli_error(r->ctx, RNL_EFORMAT, "%.300s: %s", r->path, text);
}


static int read_bytes (Reader *r, void *to, uint64_t n) {
  char *p = to;
  while (n > 0) {
    ssize_t got = read(r->fd, p, n < (1u << 30) ? (size_t)n : 1u << 30);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return rnli_system_error(r->ctx, r->path, "cannot be read");
    if (got == 0) return refuse(r, "is truncated; restore it from a copy");
    p += got;
    n -= (uint64_t)got;
  }
  return RNL_OK;
}


static int open_file (Reader *r) {
  struct stat st;
  r->fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (r->fd < 0) return rnli_system_error(r->ctx, r->path, "cannot be opened");
  if (fstat(r->fd, &st) != 0)
    return rnli_system_error(r->ctx, r->path, "cannot be opened");
  if (!S_ISREG(st.st_mode)) return refuse(r, "is not a regular file");
  if (st.st_size < 8)
    return refuse(r, "is not a model file: %lld bytes are too few",
                  (long long)st.st_size);
  if ((uint64_t)st.st_size > RNLI_MAX_FILE)
    return refuse(r, "is larger than 16 GiB");
  r->size = (uint64_t)st.st_size;
  return RNL_OK;
}

/* }====================================================================== */

/* {== The header as text ================================================= */

/* What the scan of a header has come to. */
typedef struct Scan {
  size_t at;
  int depth;
  size_t commas[4];           /* by depth; in a list, of that list */
} Scan;


/* Bytes of UTF-8 that \uXXXX stands for; half of a pair counts two. */
static size_t escape_size (const char *digits) {
  unsigned long code = 0;
  for (int i = 0; i < 4; i++) {
    const char *hex = "0123456789abcdef0123456789ABCDEF";
    const char *digit = digits[i] ? strchr(hex, digits[i]) : NULL;
    if (!digit) return 0;     /* the JSON library will complain */
    code = code << 4 | (unsigned long)((digit - hex) & 15);
  }
  if (code < 0x80) return 1;
  return code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 2 : 3;
}


/* Skips the string that begins here, adding to the bytes of all strings. */
static int scan_string (Reader *r, Scan *s) {
  size_t begin = s->at;
  for (s->at++; s->at < r->header; s->at++) {
    unsigned char c = (unsigned char)r->json[s->at];
    if (c == '"') return RNL_OK;
    if (c < 0x20)
      return refuse(r, "header has a control character in a string at byte "
                    "%zu", s->at + 8);
    if (c != '\\') {
      r->text++;
    } else if (r->json[++s->at] == 'u' && s->at + 4 < r->header) {
      r->text += escape_size(r->json + s->at + 1);
      s->at += 4;
    } else {
      r->text++;
    }
  }
  return refuse(r, "header has a string without an end at byte %zu",
                begin + 8);
}


/* Follows braces, brackets and commas; 0 where this grammar has none. */
static int scan_mark (Scan *s, char c) {
  static const size_t most[4] = {
    0, RNLI_MAX_TENSORS, 2 * RNLI_MAX_TENSORS + RNLI_MAX_METAS,
    RNL_MAX_DIMS - 1};
  switch (c) {
    case '{': return ++s->depth <= 2;
    case '[':
      s->commas[3] = 0;
      return s->depth++ == 2;
    case '}': return s->depth-- <= 2 && s->depth >= 0;
    case ']': return s->depth-- == 3;
    case ',': return ++s->commas[s->depth] <= most[s->depth];
    default: return c != '\0' && strchr(": \t\r\n0123456789", c) != NULL;
  }
}


static int scan_header (Reader *r) {
  Scan s = {.at = 0};
  for (; s.at < r->header; s.at++) {
    char c = r->json[s.at];
    if (c == '"') {
      int status = scan_string(r, &s);
      if (status != RNL_OK) return status;
    } else if (!scan_mark(&s, c)) {
      int shown = c > 0x20 && c < 0x7f;
      return refuse(r, shown ? "header has an unexpected or one too many '%c' "
                    "at byte %zu" : "header has an unexpected byte 0x%02x at "
                    "byte %zu", shown ? c : (unsigned char)c, s.at + 8);
    }
  }
  return RNL_OK;
}


static int read_header (Reader *r) {
  unsigned char raw[8];
  int status = read_bytes(r, raw, sizeof raw);
  if (status != RNL_OK) return status;
  for (int i = 0; i < 8; i++) r->header |= (uint64_t)raw[i] << 8 * i;
  if (r->header < 2 || r->header > RNLI_MAX_HEADER ||
      r->header > r->size - 8)
    return refuse(r, "is not a model file, or is truncated: a header of %"
                  PRIu64 " bytes in a file of %" PRIu64, r->header, r->size);
  r->json = rnli_get(r->ctx, r->header + 1);
  if (!r->json) return rnli_nomem(r->ctx, "a checkpoint's header", r->header);
  status = read_bytes(r, r->json, r->header);
  if (status != RNL_OK) return status;
  r->json[r->header] = '\0';
  if (r->json[0] != '{') return refuse(r, "header does not begin with '{'");
  size_t bad = rnl_utf8_check(r->json, r->header, NULL);
  if (bad != r->header)
    return refuse(r, "header is not UTF-8 at byte %zu", bad + 8);
  return scan_header(r);
}


/* Without a text, and for a few with one, memory ran out. */
static int parse_header (Reader *r) {
  json_error_t e;
  r->file->root = json_loadb(r->json, r->header, JSON_REJECT_DUPLICATES, &e);
  if (!r->file->root) {
    if (json_error_code(&e) == json_error_out_of_memory || !e.text[0])
      return rnli_nomem(r->ctx, "a checkpoint's header", r->header);
    return refuse(r, "header is no sound JSON: %s at byte %d",
                  rnli_brief(e.text).text, e.position + 8);
  }
  rnli_put(r->ctx, r->json);
  r->json = NULL;
  return RNL_OK;
}


/* Bytes of all strings in an object and the objects inside it. */
static size_t text_size (json_t *object) {
  const char *key;
  json_t *value;
  size_t n = 0;
  json_object_foreach(object, key, value) {
    n += strlen(key);
    if (json_is_string(value)) n += json_string_length(value);
    else if (json_is_object(value)) n += text_size(value);
  }
  return n;
}


/*
** The JSON library passes over memory it is refused while it collects a
** string, and leaves bytes out; the lengths tell. (In a sound file all strings
** are keys or members.)
*/
static int check_text (Reader *r) {
  if (text_size(r->file->root) == r->text) return RNL_OK;
  return rnli_nomem(r->ctx, "a checkpoint's header", r->header);
}

/* }====================================================================== */

/* {== Entries ============================================================ */

static const Type *find_type (const char *code) {
  const Type *t = types;
  while (t->code && strcmp(t->code, code) != 0) t++;
  return t;
}


static int read_shape (Reader *r, Entry *e, const json_t *shape) {
  size_t n = json_array_size(shape);
  if (!json_is_array(shape) || n > RNL_MAX_DIMS)
    return refuse(r, "tensor '%s': the shape must be a list of at most %d "
                  "extents", rnli_brief(e->name).text, RNL_MAX_DIMS);
  for (size_t i = 0; i < n; i++) {
    const json_t *x = json_array_get(shape, i);
    json_int_t d = json_integer_value(x);
    if (!json_is_integer(x) || d < 0 || d > MAX_EXTENT)
      return refuse(r, "tensor '%s': bad extent in its shape",
                    rnli_brief(e->name).text);
    if (d > INT_MAX)
      return refuse(r, "tensor '%s': extent %lld is not supported",
                    rnli_brief(e->name).text, (long long)d);
    e->dim[i] = (int)d;
  }
  e->ndim = (int)n;
  return RNL_OK;
}


static int read_offsets (Reader *r, Entry *e, const json_t *offsets) {
  uint64_t room = r->size - 8 - r->header;
  const json_t *a = json_array_get(offsets, 0);
  const json_t *b = json_array_get(offsets, 1);
  if (json_array_size(offsets) != 2 || !json_is_integer(a) ||
      !json_is_integer(b) || json_integer_value(a) < 0)
    return refuse(r, "tensor '%s': data_offsets must be two integers",
                  rnli_brief(e->name).text);
  e->begin = (uint64_t)json_integer_value(a);
  e->end = (uint64_t)json_integer_value(b);
  if (json_integer_value(b) < json_integer_value(a) || e->end > room)
    return refuse(r, "tensor '%s': data_offsets %" PRIu64 " to %" PRIu64
                  " do not lie in the %" PRIu64 " bytes of data: truncated? "
                  "restore it from a copy",
                  rnli_brief(e->name).text, e->begin, e->end, room);
  return RNL_OK;
}


/* Do shape and dtype ask for exactly the bytes the offsets give? */
static int check_size (Reader *r, const Entry *e) {
  size_t count = rnli_product(e->ndim, e->dim);
  size_t bytes = rnli_mul(count, (size_t)e->type->bits / 8);
  if (bytes == SIZE_MAX || bytes != e->end - e->begin)
    return refuse(r, "tensor '%s': shape %s of %s does not take the %" PRIu64
                  " bytes it has", rnli_brief(e->name).text,
                  rnli_dims(e->ndim, e->dim).text, e->type->code,
                  e->end - e->begin);
  return RNL_OK;
}


static int read_entry (Reader *r, Entry *e, const json_t *value) {
  if (!rnli_name_ok(e->name))
    return refuse(r, "a tensor's name is empty, too long or has control "
                  "characters");
  const json_t *dtype = json_object_get(value, "dtype");
  const json_t *shape = json_object_get(value, "shape");
  const json_t *offsets = json_object_get(value, "data_offsets");
  if (!json_is_string(dtype) || !shape || !offsets ||
      json_object_size(value) != 3)
    return refuse(r, "tensor '%s' must have dtype, shape and data_offsets, "
                  "and nothing else", rnli_brief(e->name).text);
  e->type = find_type(json_string_value(dtype));
  if (!e->type->code)
    return refuse(r, "dtype %s of tensor '%s' is not supported",
                  rnli_brief(json_string_value(dtype)).text,
                  rnli_brief(e->name).text);
  int status = read_shape(r, e, shape);
  if (status == RNL_OK) status = read_offsets(r, e, offsets);
  return status == RNL_OK ? check_size(r, e) : status;
}


static int by_offset (const void *a, const void *b) {
  const Entry *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  if (x->end != y->end) return x->end < y->end ? -1 : 1;
  return strcmp(x->name, y->name);
}


/* The data must be covered without overlap or hole. */
static int check_tiling (Reader *r) {
  rnl_File *f = r->file;
  uint64_t at = 0;
  qsort(f->entry, (size_t)f->n, sizeof *f->entry, by_offset);
  for (int i = 0; i < f->n; i++) {
    if (f->entry[i].begin != at)
      return refuse(r, "tensor '%s': its data begins at %" PRIu64 ", not at %"
                    PRIu64 ": a hole or an overlap",
                    rnli_brief(f->entry[i].name).text, f->entry[i].begin, at);
    at = f->entry[i].end;
  }
  if (at != r->size - 8 - r->header)
    return refuse(r, "%" PRIu64 " bytes of data belong to no tensor",
                  r->size - 8 - r->header - at);
  return RNL_OK;
}


static int read_entries (Reader *r) {
  rnl_File *f = r->file;
  const char *name;
  json_t *value;
  size_t count = json_object_size(f->root);
  if (json_object_get(f->root, RNLI_META_KEY)) count--;
  if (count > RNLI_MAX_TENSORS)
    return refuse(r, "%zu tensors are more than %d", count, RNLI_MAX_TENSORS);
  f->entry = rnli_get(r->ctx, count * sizeof *f->entry);
  if (!f->entry)
    return rnli_nomem(r->ctx, "a checkpoint", count * sizeof *f->entry);
  json_object_foreach(f->root, name, value) {
    if (strcmp(name, RNLI_META_KEY) == 0) continue;
    Entry *e = &f->entry[f->n++];
    *e = (Entry){.name = name};
    int status = read_entry(r, e, value);
    if (status != RNL_OK) return status;
  }
  return check_tiling(r);
}

/* }====================================================================== */

/* {== Metadata =========================================================== */

static int by_key (const void *a, const void *b) {
  return strcmp(((const rnl_Meta *)a)->key, ((const rnl_Meta *)b)->key);
}


static int read_meta (Reader *r) {
  rnl_File *f = r->file;
  json_t *meta = json_object_get(f->root, RNLI_META_KEY);
  const char *key;
  json_t *value;
  size_t total = 0;
  if (!meta) return RNL_OK;
  if (!json_is_object(meta))
    return refuse(r, "__metadata__ must map strings to strings");
  size_t bytes = json_object_size(meta) * sizeof *f->meta;
  if (json_object_size(meta) > RNLI_MAX_METAS)
    return refuse(r, "metadata has more than %d keys", RNLI_MAX_METAS);
  f->meta = rnli_get(r->ctx, bytes);
  if (!f->meta) return rnli_nomem(r->ctx, "a checkpoint", bytes);
  json_object_foreach(meta, key, value) {
    if (!json_is_string(value))
      return refuse(r, "metadata '%s' is not a string",
                    rnli_brief(key).text);
    total += strlen(key) + json_string_length(value);
    if (total > RNLI_MAX_META)
      return refuse(r, "metadata is larger than %d bytes", RNLI_MAX_META);
    f->meta[f->nmeta++] = (rnl_Meta){key, json_string_value(value)};
  }
  qsort(f->meta, (size_t)f->nmeta, sizeof *f->meta, by_key);
  return RNL_OK;
}

/* }====================================================================== */

/* {== Data =============================================================== */

static float from_bits (uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}


static float from_half (uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16;
  uint32_t e = h >> 10 & 31, m = h & 1023;
  if (e == 31) return from_bits(sign | 0x7f800000 | m << 13);
  if (e > 0) return from_bits(sign | (e + 112) << 23 | m << 13);
  float x = (float)m * 0x1p-24f;
  return sign ? -x : x;
}


/* Element i of raw bytes into element at of 't'; 0 if it does not fit. */
static int convert (Stored stored, const unsigned char *raw, size_t i,
                    rnl_Tensor *t, size_t at) {
  uint16_t h;
  int64_t n;
  if (stored == FROM_F16 || stored == FROM_BF16) {
    memcpy(&h, raw + 2 * i, sizeof h);
    ((float *)t->data)[at] = stored == FROM_F16 ? from_half(h)
                                                : from_bits((uint32_t)h << 16);
    return 1;
  }
  if (stored == FROM_U8) n = raw[i];
  else memcpy(&n, raw + 8 * i, sizeof n);
  ((int32_t *)t->data)[at] = (int32_t)n;
  return n >= INT32_MIN && n <= INT32_MAX;
}


/* Reads a tensor whose dtype is not ours, piece by piece. */
static int read_converted (Reader *r, const Entry *e, unsigned char *raw) {
  size_t size = (size_t)e->type->bits / 8;
  size_t left = e->tensor->count, at = 0;
  while (left > 0) {
    size_t n = left < STRIDE / size ? left : STRIDE / size;
    int status = read_bytes(r, raw, n * size);
    if (status != RNL_OK) return status;
    for (size_t i = 0; i < n; i++)
      if (!convert(e->type->stored, raw, i, e->tensor, at + i))
        return refuse(r, "tensor '%s' (%s) holds a value that is no int32",
                      rnli_brief(e->name).text, e->type->code);
    at += n;
    left -= n;
  }
  return RNL_OK;
}


static int read_tensor (Reader *r, Entry *e) {
  int status = rnli_tensor_raw(r->ctx, e->type->dtype, e->ndim, e->dim, 0,
                               &e->tensor);
  if (status != RNL_OK) return status;
  if (e->type->stored == SAME)
    return read_bytes(r, e->tensor->data, e->end - e->begin);
  unsigned char *raw = rnli_get(r->ctx, STRIDE);
  if (!raw) return rnli_nomem(r->ctx, "a checkpoint", STRIDE);
  status = read_converted(r, e, raw);
  rnli_put(r->ctx, raw);
  return status;
}


/*
** Only our own files carry a digest, over the data as we hold it: a program
** that changes the tensors must drop it.
*/
static int check_digest (Reader *r, uint64_t d) {
  char text[17];
  rnli_digest_text(d, text);
  for (int i = 0; i < r->file->nmeta; i++)
    if (strcmp(r->file->meta[i].key, RNLI_DIGEST_KEY) == 0 &&
        strcmp(r->file->meta[i].value, text) != 0)
      return refuse(r, "is damaged: its data does not match its checksum; "
                    "restore it from a copy");
  return RNL_OK;
}


static int read_data (Reader *r) {
  uint64_t d = RNLI_DIGEST_START;
  for (int i = 0; i < r->file->n; i++) {
    Entry *e = &r->file->entry[i];
    int status = read_tensor(r, e);
    if (status != RNL_OK) return status;
    d = rnli_digest(d, e->tensor);
  }
  return check_digest(r, d);
}

/* }====================================================================== */

static int read_file (Reader *r) {
  int status = open_file(r);
  if (status == RNL_OK) status = read_header(r);
  if (status == RNL_OK) status = parse_header(r);
  if (status == RNL_OK) status = read_meta(r);
  if (status == RNL_OK) status = read_entries(r);
  if (status == RNL_OK) status = check_text(r);
  if (status == RNL_OK) status = read_data(r);
  return status;
}


int rnl_file_load (rnl_Context *ctx, const char *path, rnl_File **out) {
  Reader r = {.ctx = ctx, .path = path, .fd = -1};
  *out = NULL;
  r.file = rnli_get(ctx, sizeof *r.file);
  if (!r.file) return rnli_nomem(ctx, "a checkpoint", sizeof *r.file);
  *r.file = (rnl_File){.ctx = ctx};
  rnl_context_retain(ctx);
  int status = read_file(&r);
  if (r.fd >= 0) close(r.fd);
  rnli_put(ctx, r.json);
  if (status == RNL_OK) *out = r.file;
  else rnl_file_free(r.file);
  return status;
}


void rnl_file_free (rnl_File *f) {
  if (!f) return;
  rnl_Context *ctx = f->ctx;
  for (int i = 0; i < f->n; i++) rnl_release(f->entry[i].tensor);
  rnli_put(ctx, f->entry);
  rnli_put(ctx, f->meta);
  json_decref(f->root);
  rnli_put(ctx, f);
  rnl_context_release(ctx);
}


int rnl_file_count (const rnl_File *f) {
  return f->n;
}


const char *rnl_file_name (const rnl_File *f, int i) {
  return f->entry[i].name;
}


rnl_Tensor *rnl_file_tensor (const rnl_File *f, int i) {
  return f->entry[i].tensor;
}


int rnl_file_meta_count (const rnl_File *f) {
  return f->nmeta;
}


const char *rnl_file_meta_key (const rnl_File *f, int i) {
  return f->meta[i].key;
}


const char *rnl_file_meta_value (const rnl_File *f, int i) {
  return f->meta[i].value;
}
