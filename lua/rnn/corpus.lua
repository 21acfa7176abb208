---A corpus: text files of any size as the ids of their tokens. Files are read
---in pieces, twice or more, so memory is bounded: ids that do not fit into it
---are in a file, or are the bytes of the text itself.
local check = require "rnn.check"
local core = require "rnn.core"
local folder = require "rnn.folder"
local source = require "rnn.source"
local text = require "rnn.text"

local corpus = {}

local MEMORY = 256 << 20

local OPTIONS = {
  tokenizer = true, fit = true, invalid = true, crlf = true, separator = true,
  memory = true, cache = true, piece = true, on_progress = true,
}
local FIT = {"new", "extend", "keep"}

---@class rnn.CorpusOptions
---@field tokenizer? rnn.Tokenizer fitted or not; default "char"
---@field fit? "new"|"extend"|"keep" learn the symbols of this text; add them to
---those the tokenizer has, which gives it other ids; or take only those it has,
---the default for one that is fitted. The tokenizer itself stays as it is.
---@field invalid? "error"|"replace"|"skip"|"bytes" as text.read; default error,
---bytes for the tokenizer "byte"
---@field crlf? "keep"|"lf" as text.read
---@field separator? string what is put between two files; default "\n"
---@field memory? integer bytes of ids that are kept in memory; default 256 MiB
---@field cache? string file for more, made once for a text and a tokenizer, and
---the folder it is in; default a temporary file
---@field piece? integer bytes that are read at once; default 1 MiB
---@field on_progress? fun(done: integer, total: integer?, doing: string) called
---after each piece; doing is "reading", "fitting" or "encoding", each of which
---goes through all the bytes; total is nil where it is not known

---@class rnn.Corpus
---@field tokens rnn.Tokens
---@field tokenizer rnn.Tokenizer
---@field bytes integer of all files, unpacked
---@field hash string fingerprint of these bytes and where files end
---@field notes string[] what people should know of the text
local Corpus = {}
Corpus.__index = Corpus

---Lets go of memory and files now.
function Corpus:close()
  self.tokens:close()
end

Corpus.__close = Corpus.close

-- {== Options ==

local function check_paths(paths)
  local list = type(paths) == "string" and {paths} or paths
  if type(list) ~= "table" or #list == 0 then
    error("corpus: takes a path or a list of paths", 3)
  end
  for _, path in ipairs(list) do
    if type(path) ~= "string" then
      error(("corpus: a path must be a string, got %s"):format(type(path)), 3)
    end
  end
  return list
end

local function check_options(opts)
  check.names("corpus", opts, OPTIONS)
  local tok = opts.tokenizer or text.tokenizer "char"
  local invalid = opts.invalid or tok.kind == "byte" and "bytes" or nil
  local fit = opts.fit ~= nil and check.word("corpus", "fit", opts.fit, FIT)
  return {
    tokenizer = tok, fit = fit or tok:fitted() and "keep" or "new",
    invalid = check.word("corpus", "invalid", invalid, text.READ.invalid),
    crlf = check.word("corpus", "crlf", opts.crlf, text.READ.crlf),
    separator = opts.separator or "\n",
    memory = check.integer("corpus", "memory", opts.memory, MEMORY, 0),
    piece = check.integer("corpus", "piece", opts.piece, 1 << 20, 1),
    cache = opts.cache, on_progress = opts.on_progress or function() end,
  }
end

-- }==

-- {== Reading: what the files are made of ==

---A corpus in the making.
---@class rnn.CorpusJob
---@field o table options
---@field name string of the files, for messages
---@field files rnn.Source[] each with 'about' once it is scanned
---@field full rnn.Source[] those that are not empty
---@field scan rnn.Scanner of the bytes as they are
---@field total rnn.Scan counts of all files together

local function find_files(paths)
  local files, stdin = {}, false
  for i, path in ipairs(paths) do
    local file, wrong, code = source.find(path)
    if not file then return nil, wrong, code end
    if file.kind == "stdin" and stdin then
      return nil, "stdin: cannot be read twice", "EIO"
    end
    stdin = stdin or file.kind == "stdin"
    files[i] = file
  end
  return files
end

---Sum of the sizes of files; nil when one is not known.
local function total_size(files)
  local sum = 0
  for _, file in ipairs(files) do
    if not file.size then return nil end
    sum = sum + file.size
  end
  return sum
end

---A function that tells on_progress of each piece.
local function progress(job, doing)
  local done, total = 0, total_size(job.files)
  return function(s)
    done = done + #s
    job.o.on_progress(done, total, doing)
  end
end

local function scan_file(job, file, tell)
  local o = job.o
  local read, wrong, code
  if file.kind == "stdin" then
    read = file:keep(o.memory, o.piece)
  else
    read, wrong, code = file:reader(o.piece)
    if not read then return nil, wrong, code end
  end
  local ok
  ok, wrong, code = source.each(read, function(s)
    if job.scan:feed(s) > 0 and o.invalid == "error" then
      return source.invalid(file.name, job.scan:now())
    end
    tell(s)
  end)
  if not ok then return nil, wrong, code end
  local about = job.scan:finish()
  if about.bad > 0 and o.invalid == "error" then   -- cut off at the end
    return nil, source.invalid(file.name, about)
  end
  file.about, file.size = about, about.bytes
  return true
end

---Reads all files once, as they are.
local function scan_files(job)
  local tell = progress(job, "reading")
  local total = {bytes = 0, codes = 0, crlf = 0, cr = 0, bad = 0, mark = 0}
  for _, file in ipairs(job.files) do
    local ok, wrong, code = scan_file(job, file, tell)
    if not ok then return nil, wrong, code end
    local about = file.about
    for name, n in pairs(total) do
      local more = about[name]
      total[name] = n + (more == true and 1 or more or 0)
    end
    if about.codes + about.bad > 0 then job.full[#job.full + 1] = file end
  end
  job.total = total
  if #job.full == 0 then return nil, job.name .. ": is empty", "EFORMAT" end
  return true
end

-- }==

-- {== The text that is encoded ==

---Is the text one file, and that as it is, but for a byte order mark?
local function is_plain(job)
  local o, about = job.o, job.full[1].about
  return #job.full == 1 and
         (about.crlf == 0 or o.crlf == "keep") and
         (about.bad == 0 or o.invalid == "bytes") and
         (about.ascii or not o.tokenizer.normal)
end

---A reader of all the text: files are cleaned and stand one after the other.
local function read_all(job, doing)
  local i, read = 0, nil
  local tell, o = progress(job, doing), job.o
  return function()
    while true do
      if read then
        local s, wrong, code = read()
        if s or wrong then return s, wrong, code end
      end
      i, read = i + 1, nil
      local file = job.full[i]
      if not file then return nil end
      local raw, wrong, code = file:reader(o.piece)
      if not raw then return nil, wrong, code end
      read = source.clean(function()
        local s, why, what = raw()
        if s then tell(s) end
        return s, why, what
      end, file.about, o)
      if i > 1 and o.separator ~= "" then return o.separator end
    end
  end
end

---Gives f the text in pieces that the tokenizer can take one by one.
local function each_piece(job, doing, f)
  local tok = job.o.tokenizer
  local function cut(s) return tok:cut(s) end
  local function same(s) return s end
  return source.each(source.stage(read_all(job, doing), cut, same, job.name),
                     f)
end

-- }==

-- {== Text to ids ==

---The tokenizer for this text.
local function fit_tokenizer(job)
  local tok, scan = job.o.tokenizer, job.scan
  local bad = job.o.invalid == "bytes" and job.total.bad > 0
  local learner = tok:learner(job.o.fit)
  if learner and not (tok.kind == "char" and is_plain(job)) then
    scan = learner
    local ok, wrong, code = each_piece(job, "fitting", function(s)
      scan:feed(tok:prepare(s))
    end)
    if not ok then return nil, wrong, code end
    bad = scan:finish().bad > 0
  end
  local fitted, wrong, code = tok:fit_scan(scan, bad, job.o.fit)
  if not fitted then return nil, job.name .. ": " .. wrong, code end
  return fitted
end

---What ids were made of, for a token file.
local function key_of(job, tok)
  local o = job.o
  return job.scan:fingerprint() .. " " .. core.fingerprint(
    table.concat({tok:spec(), o.invalid, o.crlf, o.separator}, "\n"))
end

local function write_tokens(job, tok, plan)
  local writer <close> = core.token_writer(plan)
  local ok, wrong, code = each_piece(job, "encoding", function(s)
    local written, why, what = tok:write(writer, s)
    if not written then return why, what end
  end)
  if not ok then return nil, wrong, code end
  return writer:finish()
end

---The ids: in memory if they fit there, else as the text itself if that can
---be, else in a file.
local function store_tokens(job, tok)
  local o, total, first = job.o, job.total, job.full[1]
  local n = tok:usable()
  local count = tok.kind == "byte" and total.bytes or total.codes + total.bad
  local width = n <= 1 << 8 and 1 or n <= 1 << 16 and 2 or 4
  local plan = {vocab = n, expected = count, memory = o.memory,
                folder = source.folder(), key = key_of(job, tok)}
  if count * width <= o.memory then return write_tokens(job, tok, plan) end
  if first.kind == "file" and is_plain(job) and
     (tok.kind == "byte" or tok.kind == "char" and first.about.ascii) then
    return core.tokens_text(first.path, first.about.mark and 3 or 0,
                            tok.vocab, n)
  end
  if o.cache then
    local tokens, wrong, code = core.tokens_open(o.cache, n, plan.key)
    if tokens == nil then return nil, wrong, code end
    if tokens then
      job.found = o.cache
      return tokens
    end
    local made
    made, wrong = folder.make(o.cache:match "^(.*)/" or "")
    if not made then return nil, wrong, "EIO" end
    plan.path = o.cache
  end
  return write_tokens(job, tok, plan)
end

---The message about a file that is not what it was, if there is one.
local function find_changed(job)
  for _, file in ipairs(job.files) do
    local changed = file:changed()
    if changed then return changed end
  end
end

-- }==

-- {== Words for people ==

---"12,004"
local function grouped(n)
  local s = tostring(n)
  repeat
    local more
    s, more = s:gsub("^(%d+)(%d%d%d)", "%1,%2")
  until more == 0
  return s
end

---"1 byte", "12,004 bytes"
local function count(n, one, many)
  return grouped(n) .. " " .. (n == 1 and one or many)
end

local BAD = {replace = "replaced %s", skip = "left out %s",
             bytes = "kept %s as it is"}

local function notes_of(job)
  local notes, total, o = {}, job.total, job.o
  local function note(n, message, ...)
    if n > 0 then notes[#notes + 1] = message:format(...) end
  end
  local empty = #job.files - #job.full
  note(#job.full - 1, "joined %d files", #job.full)
  note(empty, "passed over %s", count(empty, "empty file", "empty files"))
  note(total.mark, "dropped %s",
       count(total.mark, "byte order mark", "byte order marks"))
  local kind = o.tokenizer.kind   -- to which CR is white space
  local kept = (kind == "word" or kind == "dict") and 0 or 1
  if o.crlf == "lf" then
    note(total.crlf, "made %s end in LF instead of CR LF",
         count(total.crlf, "line", "lines"))
  else
    note(total.crlf * kept, "%s in CR LF, kept so; crlf = 'lf' makes it LF",
         count(total.crlf, "line ends", "lines end"))
  end
  note(total.cr * kept, "kept %s without LF", count(total.cr, "CR", "CRs"))
  if o.tokenizer.kind ~= "byte" or o.invalid ~= "bytes" then
    note(total.bad, BAD[o.invalid] or "",
         count(total.bad, "invalid byte", "invalid bytes"))
  end
  note(job.found and 1 or 0, "took the ids from %s", job.found)
  return notes
end

-- }==

---Reads, fits and encodes.
local function build(job)
  local ok, wrong, code = scan_files(job)
  if not ok then return nil, wrong, code end
  local tok
  tok, wrong, code = fit_tokenizer(job)
  if not tok then return nil, wrong, code end
  local tokens
  tokens, wrong, code = store_tokens(job, tok)
  if not tokens then return nil, wrong, code end
  return setmetatable({
    tokens = tokens, tokenizer = tok, bytes = job.total.bytes,
    hash = job.scan:fingerprint(), notes = notes_of(job)}, Corpus)
end

---Opens text files as one sequence of ids. "-" is standard input, gzip unpacks
---names that end in ".gz". A byte order mark at the start of a file is dropped.
---@param paths string|string[]
---@param opts? rnn.CorpusOptions
---@return rnn.Corpus|nil
---@return string? message "path: reason"
---@return string? code "EIO", "EFORMAT", or "EVOCAB" for symbols that a
---tokenizer which is to be kept does not have
function corpus.open(paths, opts)
  local list = check_paths(paths)
  local o = check_options(opts or {})
  local files, wrong, code = find_files(list)
  if not files then return nil, wrong, code end
  local job = {
    o = o, files = files, full = {}, scan = core.scanner(),
    name = #files == 1 and files[1].name or ("these %d files"):format(#files),
  }
  local self
  self, wrong, code = build(job)
  local changed = find_changed(job)
  for _, file in ipairs(files) do file:close() end
  job.scan:close()
  if changed then
    if self then self:close() end
    return nil, changed, "EIO"
  end
  return self, wrong, code
end

return corpus
