/*
** unicode.c - what is known of each code point, from utf8proc: the only file
** that sees it.
*/
#include <utf8proc.h>

#include "text/unicode.h"

rnli_CodeKind rnli_code_kind (int32_t code) {
  switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_LU: case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT: case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return RNLI_KIND_LETTER;
    case UTF8PROC_CATEGORY_ND: case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return RNLI_KIND_NUMBER;
    case UTF8PROC_CATEGORY_MN: case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return RNLI_KIND_MARK;
    case UTF8PROC_CATEGORY_CN: case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF: case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO: case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return RNLI_KIND_HIDDEN;
    default:
      return RNLI_KIND_SHOWN;
  }
}


rnli_Break rnli_code_break (int32_t code) {
  switch (utf8proc_get_property(code)->boundclass) {
    case UTF8PROC_BOUNDCLASS_CR: return RNLI_BREAK_CR;
    case UTF8PROC_BOUNDCLASS_LF: return RNLI_BREAK_LF;
    case UTF8PROC_BOUNDCLASS_CONTROL: return RNLI_BREAK_CONTROL;
    case UTF8PROC_BOUNDCLASS_EXTEND: return RNLI_BREAK_EXTEND;
    case UTF8PROC_BOUNDCLASS_ZWJ: return RNLI_BREAK_ZWJ;
    case UTF8PROC_BOUNDCLASS_SPACINGMARK: return RNLI_BREAK_SPACING;
    case UTF8PROC_BOUNDCLASS_PREPEND: return RNLI_BREAK_PREPEND;
    case UTF8PROC_BOUNDCLASS_L: return RNLI_BREAK_L;
    case UTF8PROC_BOUNDCLASS_V: return RNLI_BREAK_V;
    case UTF8PROC_BOUNDCLASS_T: return RNLI_BREAK_T;
    case UTF8PROC_BOUNDCLASS_LV: return RNLI_BREAK_LV;
    case UTF8PROC_BOUNDCLASS_LVT: return RNLI_BREAK_LVT;
    case UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR: return RNLI_BREAK_REGIONAL;
    case UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC: return RNLI_BREAK_PICTURE;
    default: return RNLI_BREAK_OTHER;
  }
}


int rnli_code_order (int32_t code) {
  return utf8proc_get_property(code)->combining_class & 255;
}


static utf8proc_option_t options_of (rnl_Normal form) {
  unsigned options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
  if (form == RNL_NFKC) options |= UTF8PROC_COMPAT;
  if (form == RNL_FOLD) options |= UTF8PROC_CASEFOLD;
  return (utf8proc_option_t)options;
}


int rnli_code_parts (int32_t code, rnl_Normal form,
                     int32_t part[RNLI_MAX_PARTS]) {
  int boundary = 0;
  utf8proc_ssize_t n = utf8proc_decompose_char(code, part, RNLI_MAX_PARTS,
                                               options_of(form), &boundary);
  if (n >= 0 && n <= RNLI_MAX_PARTS) return (int)n;
  part[0] = code;   /* no such code point is known */
  return 1;
}


/*
** U+11A7 composes with nothing, but utf8proc 2.8 takes it for an empty final
** consonant of Hangul and would drop it after a syllable.
*/
int32_t rnli_code_joined (int32_t starter, int32_t code) {
  int32_t pair[2] = {starter, code};
  if (code == 0x11A7) return -1;
  return utf8proc_normalize_utf32(pair, 2, options_of(RNL_NFC)) == 1 ? pair[0]
                                                                     : -1;
}


size_t rnl_utf8_width (const char *s, size_t n) {
  size_t width = 0;
  for (size_t i = 0; i < n;) {
    int32_t code;
    int len = rnli_utf8_scan((const unsigned char *)s + i, n - i, &code);
    width += len > 0 ? (size_t)utf8proc_charwidth(code) : (size_t)-len;
    i += (size_t)(len > 0 ? len : -len);
  }
  return width;
}
