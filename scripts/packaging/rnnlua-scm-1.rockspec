-- The module for stock Lua: `luarocks make` with this file, from a clone. The
-- program, its scripts and the C libraries come by `make install`.
rockspec_format = "3.0"
package = "rnnlua"
version = "scm-1"
source = {
  url = "git+https://example.org/rnnlua.git",
}
description = {
  summary = "Recurrent neural networks for text and time series",
  detailed = [[
The module rnn: a small C engine that trains recurrent networks fast on a plain
CPU, with layers, optimizers, tokenizers, training runs and metrics in Lua, all
in one file. make names the C libraries and Lua modules it misses (OpenBLAS,
utf8proc, argparse, LuaFileSystem, ...).]],
  license = "MIT",
  labels = {"machine-learning", "neural-network", "nlp"},
}
supported_platforms = {"linux"}
dependencies = {
  "lua >= 5.4, < 5.5",
}
build = {
  type = "make",
  build_target = "module",
  build_variables = {CC = "$(CC)", LUA = "$(LUA)"},
  install_target = "install-module",
  install_variables = {
    PREFIX = "$(PREFIX)", LUA_CMOD = "$(LIBDIR)", LUA = "$(LUA)",
  },
}
