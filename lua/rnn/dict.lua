---rnn.dict: Chinese text cut into words by a dictionary, with user words.
---
---    local dict = rnn.dict
---    local d = dict.learn {{"他", "来到", "上海", "交通", "大学"},
---                          {"上海", "的", "交通"}, {"他", "的", "大学"}}
---    print(table.concat(d:segment "他的大学来到上海 2024-05-01", " "))
---    d:add("上海交通大学", {tag = "nt", list = "schools"})
---    local words, first, kinds = d:segment "上海交通大学的交通"
---    print(words[1], first[2], kinds[1])      -- 上海交通大学  19  user
---    d:remove_list "schools"                  -- as if it never had been
---    print(#d:segment("他的云计算", {user = {"云计算"}}))     -- 3
---    local path = os.tmpname()
---    assert(d:save(path))                     -- lines "WORD FREQUENCY TAG"
---    print(#assert(dict.load(path)) == #d)
---    os.remove(path)
---
---The words are those that are most likely together, by how often each occurs
---(src/text/cut.c): an exact search that takes new words in as well, guessed by
---how those of the dictionary are spelled. Letters and digits stay together
---(don't, 3.14, 12:30, 50%, a@b.org, https://a.b/c), white space separates, all
---else is cut between characters.
---
---On the test text of SXU (SIGHAN 2008), with a dictionary learnt from its
---training text: 90.1 F1 by longest words ("max"), 91.4 by the dictionary alone
---("single"), 94.4 with words that are guessed.
local check = require "rnn.check"
local core = require "rnn.core"
local source = require "rnn.source"

local dict = {}

---A word of a dictionary.
---@class rnn.DictEntry
---@field freq integer how often it occurs
---@field tag string "" when it has none
---@field list? string of user words that has it; nil: the dictionary

---A dictionary, and lists of user words beside it.
---@class rnn.Dict
---@field core rnn.Dictionary
---@field user table<string, rnn.Dictionary> lists by their names
local Dict = {__name = "rnn.Dict"}
Dict.__index = Dict

local OWN = "user"   -- the list of words that name none

function Dict:__len() return #self.core end

function Dict:__tostring()
  return ("Dict(%d words, %d lists of user words)"):format(#self,
                                                          #self:lists())
end

local function new(words)
  return setmetatable({core = words, user = {}}, Dict)
end

---@param x any
---@return boolean
function dict.is(x)
  return getmetatable(x) == Dict
end

-- {== Making ==

---@return rnn.Dict without words
function dict.new()
  return new(core.dict())
end

---How many bytes of s are whole lines.
local function whole_lines(s)
  return #s - #s:match "[^\n]*$"
end

local function same(s) return s end

---Words of lines, in pieces, to a dictionary of the core.
local function read_words(name, read)
  local words, lines = core.dict(), 0
  read = source.stage(read, whole_lines, same, name)
  local ok, wrong, code = source.each(read, function(s)
    local done, message, kind, at = words:read(s)
    if done then
      lines = lines + done
    else
      return ("%s:%d: %s"):format(name, lines + at, message), kind
    end
  end)
  if not ok then return nil, wrong, code end
  return words
end

---The words of a file, as dict.load reads it.
local function read_file(path)
  local file, wrong, code = source.find(path)
  if not file then return nil, wrong, code end
  local read, words
  read, wrong, code = file:text {invalid = "error", crlf = "lf"}
  if not read then return nil, wrong, code end
  words, wrong, code = read_words(file.name, read)
  local changed = words and file:changed()
  if changed then return nil, changed, "EIO" end
  return words, wrong, code
end

---Reads a dictionary in the format of jieba: a word in each line, then how
---often it occurs and a tag, both of which may be left out. A frequency that is
---left out is 1; of a word that is there twice the last line counts. Blank
---lines are passed over.
---@param path string "-" is standard input; gzip unpacks what ends in ".gz"
---@return rnn.Dict|nil
---@return string? message "path:line: reason"
---@return string? code "EIO" or "EFORMAT"
function dict.load(path)
  if type(path) ~= "string" then
    error(("load: takes a path, got %s"):format(type(path)), 2)
  end
  local words, wrong, code = read_file(path)
  if not words then return nil, wrong, code end
  return new(words)
end

---A dictionary of lines that are a string, as in a file.
---@param s string
---@return rnn.Dict|nil
---@return string? message "line N: reason"
---@return string? code "EFORMAT"
function dict.from(s)
  local words = core.dict()
  local ok, wrong, code, at = words:read(s)
  if not ok then return nil, ("line %d: %s"):format(at, wrong), code end
  return new(words)
end

---Counts the words of segmented text, such as rnn.data.segmented gives. Those
---that no dictionary holds (of more than 256 characters, with white space
---inside) are passed over.
---@param sentences (rnn.Segmented|string[])[] words of each
---@return rnn.Dict
---@return integer n words that were passed over
function dict.learn(sentences)
  local freq, words, passed = {}, core.dict(), 0
  for i, sentence in ipairs(sentences) do
    for _, word in ipairs(sentence.words or sentence) do
      if type(word) ~= "string" then
        error(("learn: sentence %d has a word that is a %s"):format(i,
              type(word)), 2)
      end
      freq[word] = (freq[word] or 0) + 1
    end
  end
  for word, n in pairs(freq) do
    if not words:set(word, n) then passed = passed + n end
  end
  return new(words), passed
end

-- }==

-- {== Words ==

---Makes a word part of the dictionary: it takes part by its frequency, as the
---others do. 0 removes it.
---@param word string
---@param freq integer
---@param tag? string default as it was
---@return true|nil
---@return string? message what is wrong with the word
---@return string? code "EFORMAT"
function Dict:set(word, freq, tag)
  return self.core:set(word, freq, tag)
end

local ADD = {freq = true, tag = true, list = true}

---Adds a user word: it is found wherever it is in a text, and never cut. Where
---user words overlap, those are taken that have the most characters together;
---of these the fewest words, then the most likely ones. (A word begins and ends
---where letters and digits do: "AI" is not in "MAIN".)
---@param word string
---@param opts? {freq: integer?, tag: string?, list: string?} default 1, "", and
---the list "user"
---@return true|nil
---@return string? message what is wrong with the word
---@return string? code "EFORMAT"
function Dict:add(word, opts)
  opts = opts or {}
  check.names("add", opts, ADD)
  local name = opts.list or OWN
  local list = self.user[name] or core.dict()
  local ok, wrong, code = list:set(word, check.integer("add", "freq", opts.freq,
                                                       1, 1), opts.tag or "")
  if not ok then return nil, ("add '%s': %s"):format(word, wrong), code end
  self.user[name] = list
  return true
end

---Removes a user word; one of the same text in another list stays.
---@param word string
---@param list? string default "user"
---@return boolean was it there?
function Dict:remove(word, list)
  local words = self.user[list or OWN]
  if not words or not words:get(word) then return false end
  words:set(word, 0)
  if #words == 0 then self.user[list or OWN] = nil end
  return true
end

---Reads a list of user words, as dict.load does; it takes the place of the one
---of this name.
---@param path string
---@param list? string default "user"
---@return true|nil
---@return string? message "path:line: reason"
---@return string? code
function Dict:load_list(path, list)
  local words, wrong, code = read_file(path)
  if not words then return nil, wrong, code end
  self.user[list or OWN] = words
  return true
end

---@param list? string default "user"
---@return boolean was it there?
function Dict:remove_list(list)
  local had = self.user[list or OWN] ~= nil
  self.user[list or OWN] = nil
  return had
end

---@return string[] names of the lists of user words, sorted
function Dict:lists()
  local names = {}
  for name in pairs(self.user) do names[#names + 1] = name end
  table.sort(names)
  return names
end

---@param word string
---@return rnn.DictEntry|nil of the first list that has it, else the dictionary
function Dict:lookup(word)
  for _, name in ipairs(self:lists()) do
    local freq, tag = self.user[name]:get(word)
    if freq then return {freq = freq, tag = tag, list = name} end
  end
  local freq, tag = self.core:get(word)
  return freq and {freq = freq, tag = tag}
end

---@param words string[]
---@return string[] tags "" for words that have none
function Dict:tags(words)
  local tags = {}
  for i, word in ipairs(words) do
    local entry = self:lookup(word)
    tags[i] = entry and entry.tag or ""
  end
  return tags
end

---Adds all of a dictionary to a list of those with user words.
local function add_lists(list, d)
  for _, name in ipairs(d:lists()) do list[#list + 1] = d.user[name] end
end

---The dictionaries with user words of a call.
local function users_of(self, user)
  local list, own = {}, nil
  add_lists(list, self)
  if dict.is(user) then user = {user} end
  for i, item in ipairs(user or {}) do
    if dict.is(item) then
      list[#list + 1] = item.core
      add_lists(list, item)
    else
      own = own or core.dict()
      local ok, wrong = true, "is no word"
      if type(item) == "string" then ok, wrong = own:set(item, 1) end
      if not ok or type(item) ~= "string" then
        error(("user word %d: %s"):format(i, wrong), 0)
      end
    end
  end
  list[#list + 1] = own
  return list
end

---A copy. Its user words, and those of 'user', are one list.
---@param user? rnn.Dict|(string|rnn.Dict)[]
---@return rnn.Dict
function Dict:copy(user)
  local made = assert(dict.from(self:text()))
  local list = core.dict()
  for _, words in ipairs(users_of(self, user)) do
    local word, freq, tag = words:list()
    for i = 1, #word do
      if freq[i] > (list:get(word[i]) or 0) then
        list:set(word[i], freq[i], tag[i])
      end
    end
  end
  made.user[OWN] = #list > 0 and list or nil
  return made
end

---The dictionary as lines "WORD FREQUENCY TAG", in the order of their bytes.
---@param list? string of user words in place of the dictionary
---@return string
function Dict:text(list)
  local from = list == nil and self.core or self.user[list] or core.dict()
  local words, freqs, tags = from:list()
  for i, word in ipairs(words) do
    words[i] = tags[i] == "" and ("%s %d\n"):format(word, freqs[i]) or
               ("%s %d %s\n"):format(word, freqs[i], tags[i])
  end
  return table.concat(words)
end

---Writes what dict.load reads; the file is replaced as a whole.
---@param path string
---@param list? string of user words in place of the dictionary
---@return true|nil
---@return string? message
---@return string? code "EIO"
function Dict:save(path, list)
  if list ~= nil and not self.user[list] then
    error(("save: there is no list '%s' of user words"):format(list), 2)
  end
  return core.text_save(path, self:text(list))
end

-- }==

-- {== Segmentation ==

---`mode` "best" takes the most likely words, "max" from left to right always
---the longest, "all" every word that is there (single characters only where no
---longer word has them): those may overlap. `unknown` is for "best" and says
---what becomes of characters that the dictionary leaves single: "guess" finds
---new words (not by a mere list, whose frequencies are all 1), "single" leaves
---them, a function is given each run of two or more of them and returns its
---words, or nil. `user` are words for this call alone.
---@class rnn.SegmentOptions
---@field mode? "best"|"max"|"all" default best
---@field unknown? "guess"|"single"|fun(run: string): string[]? default guess
---@field user? rnn.Dict|(string|rnn.Dict)[] words, or dictionaries of them
---@field spaces? boolean white space is given as well: the words of "best" and
---"max", joined, are then the text, byte by byte

local OPTIONS = {mode = true, unknown = true, user = true, spaces = true}
local MODES = {"best", "max", "all"}
local UNKNOWN = {"guess", "single"}

---Words that a function made of a run, checked.
local function ask(unknown, run)
  local words = unknown(run)
  if words == nil then return nil end
  if type(words) ~= "table" or table.concat(words) ~= run then
    error(("segment: 'unknown' must return words that are '%s' together")
          :format(run), 0)
  end
  return words
end

---The number of the last of the characters in a row that begin with word i.
local function run_end(words, first, kinds, i)
  local last = i
  while kinds[last + 1] == "char" and
        first[last] + #words[last] == first[last + 1] do
    last = last + 1
  end
  return last
end

---Lets a function decide about runs of single characters.
local function resolve(unknown, words, first, kinds)
  local out, at, kind = {}, {}, {}
  local function put(word, from, k)
    out[#out + 1], at[#at + 1], kind[#kind + 1] = word, from, k
  end
  local i = 1
  while i <= #words do
    local last = kinds[i] == "char" and run_end(words, first, kinds, i) or i
    local from = first[i]
    local made = last > i and ask(unknown, table.concat(words, "", i, last))
    for k = i, made and 0 or last do put(words[k], first[k], kinds[k]) end
    for _, word in ipairs(made or {}) do
      put(word, from, "guessed")
      from = from + #word
    end
    i = last + 1
  end
  return out, at, kind
end

---Cuts a text into words. Any bytes will do; those that are no UTF-8 are words
---of their own.
---@param s string
---@param opts? rnn.SegmentOptions
---@return string[] words
---@return integer[] first byte of each
---@return string[] kinds "word", "user", "guessed" or "space"; "char", one
---ideograph, be it a word or not; "unit", anything else that is no word
function Dict:segment(s, opts)
  if type(s) ~= "string" then
    error(("segment: takes a string, got %s"):format(type(s)), 2)
  end
  opts = opts or {}
  check.names("segment", opts, OPTIONS)
  local mode = check.word("segment", "mode", opts.mode, MODES)
  local unknown = opts.unknown
  if type(unknown) ~= "function" then
    unknown = check.word("segment", "unknown", unknown, UNKNOWN)
  end
  local search = mode == "best" and unknown == "guess" and "guess" or mode
  local words, first, kinds = self.core:cut(s, search,
                                            users_of(self, opts.user),
                                            opts.spaces)
  if mode ~= "best" or type(unknown) ~= "function" then
    return words, first, kinds
  end
  return resolve(unknown, words, first, kinds)
end

-- }==

return dict
