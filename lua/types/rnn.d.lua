---@meta rnn
---Definitions for the Lua language server of what is implemented in C. What is
---written in Lua is annotated where it stands, in lua/rnn.
---Axes and ids count from 1; a negative axis counts from the end. Letters: T
---steps, N batch, D input, H hidden, V vocabulary, L layers.

---@alias rnn.Dtype "float32"|"float64"|"int32"
---@alias rnn.Shape integer[]
---@alias rnn.Reduction "mean"|"sum"|"none"

---A block of numbers. int32 tensors hold ids, which count from 1 in Lua.
---An output of an op under an open tape is closed together with the tape.
---@class rnn.Tensor
---@field dtype rnn.Dtype
---@field grad rnn.Tensor|nil gradient, same shape; nil until a backward
---@operator add(rnn.Tensor|number): rnn.Tensor
---@operator sub(rnn.Tensor|number): rnn.Tensor
---@operator mul(rnn.Tensor|number): rnn.Tensor
---@operator div(rnn.Tensor|number): rnn.Tensor
---@operator pow(rnn.Tensor|number): rnn.Tensor
---@operator unm: rnn.Tensor
---@operator len: integer
---@field [integer] rnn.Tensor|nil slice along the first axis; nil outside
local Tensor = {}

---@return rnn.Shape shape a new table of extents
function Tensor:shape() end

---@return number value of a tensor with one element; raises for others
function Tensor:item() end

---@return table|number nested tables, or a number for a tensor without axes
function Tensor:totable() end

---@return rnn.Tensor copy outside any tape; no gradient passes through it
function Tensor:clone() end

---@return rnn.Tensor copy outside any tape; no gradient passes through it
function Tensor:detach() end

---@param dtype rnn.Dtype
---@return rnn.Tensor copy converted, outside any tape
function Tensor:to(dtype) end

---Overwrites the numbers with those of 'from', which has the same shape.
---@param from rnn.Tensor
---@return rnn.Tensor self
function Tensor:copy(from) end

---@param x number
---@return rnn.Tensor self
function Tensor:fill(x) end

---The numbers as they lie in memory, little-endian; those of an int32 tensor
---count from 0 there.
---@return string
function Tensor:bytes() end

---How numbers of files may be stored: a dtype; for float32 tensors "float16",
---for int32 ones "int64" and "uint8".
---@alias rnn.Stored rnn.Dtype|"float16"|"int64"|"uint8"

---Overwrites the numbers with those in a string, which has as many.
---@param s string little-endian; integers count from 0 there
---@param kind? rnn.Stored default its dtype
---@return rnn.Tensor|nil self
---@return integer? element the first that is no int32; nothing is changed then
function Tensor:setbytes(s, kind) end

---Lets go of the memory now rather than when Lua collects the handle.
function Tensor:close() end

---@param b rnn.Tensor|number
---@return rnn.Tensor
function Tensor:add(b) end

---@param b rnn.Tensor|number
---@return rnn.Tensor
function Tensor:sub(b) end

---@param b rnn.Tensor|number
---@return rnn.Tensor
function Tensor:mul(b) end

---@param b rnn.Tensor|number
---@return rnn.Tensor
function Tensor:div(b) end

---@param b rnn.Tensor|number
---@return rnn.Tensor
function Tensor:pow(b) end

---@return rnn.Tensor
function Tensor:neg() end

---@return rnn.Tensor
function Tensor:exp() end

---@return rnn.Tensor natural logarithm
function Tensor:log() end

---@return rnn.Tensor
function Tensor:sqrt() end

---@return rnn.Tensor gradient 0 at 0
function Tensor:abs() end

---@return rnn.Tensor
function Tensor:tanh() end

---@return rnn.Tensor
function Tensor:sigmoid() end

---@return rnn.Tensor gradient 0 at 0
function Tensor:relu() end

---@param slope? number below 0; default 0.01
---@return rnn.Tensor
function Tensor:leaky_relu(slope) end

---@return rnn.Tensor x times the normal distribution function of x
function Tensor:gelu() end

---@param min? number default -inf
---@param max? number default inf
---@return rnn.Tensor
function Tensor:clamp(min, max) end

---(...,M,K) by (K,N), or by (...,K,N) with the same leading axes.
---@param b rnn.Tensor
---@return rnn.Tensor y (...,M,N)
function Tensor:matmul(b) end

---@param w rnn.Tensor (O,D)
---@param b? rnn.Tensor (O)
---@return rnn.Tensor y (...,O) from self (...,D)
function Tensor:linear(w, b) end

---@param axis1? integer default -2
---@param axis2? integer default -1
---@return rnn.Tensor
function Tensor:transpose(axis1, axis2) end

---@param shape rnn.Shape one extent may be -1
---@return rnn.Tensor
function Tensor:reshape(shape) end

---@param axis integer
---@param from? integer first index; default 1
---@param to? integer last index, included; default -1
---@return rnn.Tensor
function Tensor:slice(axis, from, to) end

---@param axis integer
---@param index integer
---@return rnn.Tensor without that axis
function Tensor:select(axis, index) end

---@param ... rnn.Tensor|integer tensors to append, then the axis (default 1)
---@return rnn.Tensor
function Tensor:cat(...) end

---@param ... rnn.Tensor|integer tensors of the same shape, then the new axis
---@return rnn.Tensor
function Tensor:stack(...) end

---As torch.gather: picks along an axis by ids of the same number of axes.
---@param ids rnn.Tensor int32
---@param axis integer
---@return rnn.Tensor
function Tensor:gather(ids, axis) end

---@param mask rnn.Tensor nonzero = fill; broadcasts to self
---@param value number
---@return rnn.Tensor
function Tensor:masked_fill(mask, value) end

---@param axis? integer default all
---@param keepdim? boolean
---@return rnn.Tensor
function Tensor:sum(axis, keepdim) end

---@param axis? integer default all
---@param keepdim? boolean
---@return rnn.Tensor
function Tensor:mean(axis, keepdim) end

---@param axis? integer default all
---@param keepdim? boolean
---@return rnn.Tensor values; on ties the gradient goes to the first
function Tensor:max(axis, keepdim) end

---@param axis? integer default all (index into the flat tensor)
---@param keepdim? boolean
---@return rnn.Tensor ids int32, from 1
function Tensor:argmax(axis, keepdim) end

---The k largest of each row, the largest first; of equals the one with the
---lower id.
---@param k integer
---@return rnn.Tensor y (...,k) from self (...,n)
---@return rnn.Tensor ids (...,k) int32
function Tensor:topk(k) end

---@param axis? integer default the last
---@return rnn.Tensor
function Tensor:softmax(axis) end

---@param axis? integer default the last
---@return rnn.Tensor
function Tensor:log_softmax(axis) end

---@class rnn.CrossEntropyOptions
---@field ignore? integer id whose positions do not count; may lie outside 1..V
---@field label_smoothing? number in [0,1); default 0 (Szegedy et al. 2016)
---@field weight? rnn.Tensor (V) of each id, 0 or more, without a gradient; the
---mean divides by the sum of the weights of the ids
---@field reduction? rnn.Reduction default "mean"

---@param ids rnn.Tensor (...) int32, 1..V
---@param opts? rnn.CrossEntropyOptions
---@return rnn.Tensor loss in nats, from logits (...,V)
function Tensor:cross_entropy(ids, opts) end

---@param ids rnn.Tensor (...) int32
---@param opts? {ignore: integer, reduction: rnn.Reduction}
---@return rnn.Tensor loss from log-probabilities (...,V)
function Tensor:nll(ids, opts) end

---@param y rnn.Tensor
---@param opts? {reduction: rnn.Reduction}
---@return rnn.Tensor mean squared difference
function Tensor:mse(y, opts) end

---With d = self - y: d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2)
---(Huber 1964). `rnn.huber(rnn.randn {4}, rnn.zeros {4}, {delta = 0.5})`
---@param y rnn.Tensor
---@param opts? {delta: number, reduction: rnn.Reduction} delta default 1
---@return rnn.Tensor loss
function Tensor:huber(y, opts) end

---huber with delta = beta, divided by beta; |d| for beta = 0 (Girshick 2015).
---`rnn.smooth_l1(rnn.randn {4}, rnn.zeros {4})`
---@param y rnn.Tensor
---@param opts? {beta: number, reduction: rnn.Reduction} beta default 1
---@return rnn.Tensor loss
function Tensor:smooth_l1(y, opts) end

---Quantile loss: see rnn.quantile, which takes numbers.
---@param y rnn.Tensor (...)
---@param q rnn.Tensor () with self (...), or (Q) with self (...,Q)
---@param opts? {reduction: rnn.Reduction}
---@return rnn.Tensor loss
function Tensor:quantile(y, q, opts) end

---@class rnn.GaussianOptions
---@field log_var? boolean the third tensor is the logarithm of the variance
---@field full? boolean with the constant log(2 pi) / 2
---@field eps? number variances are this at least; default 1e-6
---@field reduction? rnn.Reduction default "mean"

---Negative log-likelihood of y under normal distributions of mean self, with
---v = max(var, eps): (log v + (self - y)^2 / v) / 2 (Nix and Weigend 1994).
---`rnn.gaussian_nll(mean, y, log_var, {log_var = true})`
---@param y rnn.Tensor (...)
---@param var rnn.Tensor (...), or with a last axis of 1: one for all of it
---@param opts? rnn.GaussianOptions
---@return rnn.Tensor loss
function Tensor:gaussian_nll(y, var, opts) end

---@param targets rnn.Tensor in [0,1]
---@param opts? {reduction: rnn.Reduction}
---@return rnn.Tensor binary cross-entropy in nats
function Tensor:bce_with_logits(targets, opts) end

---@class rnn.CTCOptions
---@field lengths? integer[] steps of each of the N rows; default T
---@field target_lengths? integer[] labels of each row; default S
---@field blank? integer id of the blank; default 1
---@field reduction? rnn.Reduction default "mean": of losses divided by their
---numbers of labels
---@field zero_infinity? boolean targets that cannot be have loss 0

---Connectionist temporal classification (Graves et al. 2006) of logits or
---log-probabilities self (T,N,C); see also rnn.ctc.greedy and rnn.ctc.beam.
---@param targets rnn.Tensor (N,S) int32; after target_lengths anything
---@param opts? rnn.CTCOptions
---@return rnn.Tensor loss
function Tensor:ctc(targets, opts) end

---Negative log-probability of tags in a conditional random field with the
---emissions self (T,N,K): see rnn.CRF, which has it as a layer.
---@param tags rnn.Tensor (T,N) int32
---@param transitions rnn.Tensor (K,K): from, to; -inf forbids a step
---@param start rnn.Tensor (K)
---@param last rnn.Tensor (K)
---@param opts? {lengths: integer[], reduction: rnn.Reduction}
---@return rnn.Tensor loss mean over the rows
function Tensor:crf(tags, transitions, start, last, opts) end

---@param transitions rnn.Tensor (K,K)
---@param start rnn.Tensor (K)
---@param last rnn.Tensor (K)
---@param opts? {lengths: integer[]}
---@return rnn.Tensor p (T,N,K) probability of each tag; passes no gradient
function Tensor:crf_marginals(transitions, start, last, opts) end

---@param transitions rnn.Tensor (K,K)
---@param start rnn.Tensor (K)
---@param last rnn.Tensor (K)
---@param opts? {lengths: integer[], n: integer}
---@return rnn.Tensor tags (n,T,N) int32, best first; 0 where there is none
---@return rnn.Tensor scores (n,N)
function Tensor:crf_decode(transitions, start, last, opts) end

---self is the table (V,D).
---@param ids rnn.Tensor (...) int32
---@return rnn.Tensor rows (...,D)
function Tensor:embedding(ids) end

---Zeroes elements with probability p and scales the others by 1/(1-p), while a
---tape is open; else returns the same numbers.
---@param p? number default 0.5
---@return rnn.Tensor
function Tensor:dropout(p) end

---@param w? rnn.Tensor (F)
---@param b? rnn.Tensor (F)
---@param opts? {eps: number} default 1e-5
---@return rnn.Tensor y (...,F): rows of mean 0 and variance 1, times w + b
function Tensor:layer_norm(w, b, opts) end

---Each column gets mean 0 and variance 1, times w + b, over all rows, or those
---within the lengths; y is 0 beyond.
---@param w? rnn.Tensor (F)
---@param b? rnn.Tensor (F)
---@param opts? {lengths: integer[], eps: number} eps default 1e-5
---@return rnn.Tensor y (...,F) from self (...,F), (T,N,F) to have lengths
---@return rnn.Tensor mean (F)
---@return rnn.Tensor var (F)
function Tensor:batch_norm(w, b, opts) end

---@class rnn.ConvOptions
---@field stride? integer default 1
---@field padding? integer zeros before and after; default 0
---@field dilation? integer steps between what a kernel sees; default 1
---@field causal? boolean pads so that no later step is seen

---@param w rnn.Tensor (O,C,kernel)
---@param b? rnn.Tensor (O)
---@param opts? rnn.ConvOptions
---@return rnn.Tensor y (T',N,O) from self (T,N,C)
function Tensor:conv1d(w, b, opts) end

---@class rnn.AttentionOptions
---@field heads? integer slices of the features; default 1
---@field lengths? integer[] keys of each of the N rows; default S
---@field causal? boolean the last query sees all keys, each before it one less
---@field scale? number of the scores; default 1/sqrt(E/heads), with w 1
---@field dropout? number of the weights, while a tape is open; default 0
---@field weights? boolean whether to make the second result; default false

---Means of values, weighted by the softmax of scale q k', or with w of
---scale w tanh(q + k). self is q. A query that sees no key gets zeros.
---@param k rnn.Tensor (S,N,E)
---@param v rnn.Tensor (S,N,F)
---@param w? rnn.Tensor (E)
---@param mask? rnn.Tensor (T,S) whose nonzeros hide keys
---@param opts? rnn.AttentionOptions
---@return rnn.Tensor y (T,N,F) from self (T,N,E)
---@return rnn.Tensor weights (N,heads,T,S) before dropout; (0) if not wanted
function Tensor:attention(k, v, w, mask, opts) end

---@class rnn.SequenceOptions
---@field lengths? integer[] steps of each of the N rows; default T
---@field reverse? boolean from the last step to the first

---@param w_ih rnn.Tensor (H,D)
---@param w_hh rnn.Tensor (H,H)
---@param b_ih? rnn.Tensor (H)
---@param b_hh? rnn.Tensor (H)
---@param h0? rnn.Tensor (N,H)
---@param opts? rnn.SequenceOptions and nonlinearity = "tanh"|"relu"
---@return rnn.Tensor y (T,N,H) from self (T,N,D)
---@return rnn.Tensor hn (N,H)
function Tensor:rnn(w_ih, w_hh, b_ih, b_hh, h0, opts) end

---@param w_ih rnn.Tensor (4H,D), gates i f g o
---@param w_hh rnn.Tensor (4H,H)
---@param b_ih? rnn.Tensor (4H)
---@param b_hh? rnn.Tensor (4H)
---@param h0? rnn.Tensor (N,H)
---@param c0? rnn.Tensor (N,H)
---@param opts? rnn.SequenceOptions
---@return rnn.Tensor y (T,N,H) from self (T,N,D)
---@return rnn.Tensor hn (N,H)
---@return rnn.Tensor cn (N,H)
function Tensor:lstm(w_ih, w_hh, b_ih, b_hh, h0, c0, opts) end

---@param w_ih rnn.Tensor (3H,D), gates r z n
---@param w_hh rnn.Tensor (3H,H)
---@param b_ih? rnn.Tensor (3H)
---@param b_hh? rnn.Tensor (3H)
---@param h0? rnn.Tensor (N,H)
---@param opts? rnn.SequenceOptions
---@return rnn.Tensor y (T,N,H) from self (T,N,D)
---@return rnn.Tensor hn (N,H)
function Tensor:gru(w_ih, w_hh, b_ih, b_hh, h0, opts) end

---@class rnn.ClockworkOptions: rnn.SequenceOptions
---@field periods integer[] growing, one for each of the modules, which have H /
---#periods units each; a module runs at steps that its period divides
---@field nonlinearity? "tanh"|"relu" default "tanh"
---@field start? integer steps done before, default 0: where the clock stands at
---the first step processed (in reverse the last of x), for all rows

---An Elman network of modules (Koutnik et al. 2014) that read themselves and
---the slower ones: w_hh is not read below its block diagonal. rnn.ClockworkRNN
---has it as a layer.
---@param w_ih rnn.Tensor (H,D)
---@param w_hh rnn.Tensor (H,H)
---@param b_ih? rnn.Tensor (H)
---@param b_hh? rnn.Tensor (H)
---@param h0? rnn.Tensor (N,H)
---@param opts rnn.ClockworkOptions
---@return rnn.Tensor y (T,N,H) from self (T,N,D)
---@return rnn.Tensor hn (N,H)
function Tensor:clockwork(w_ih, w_hh, b_ih, b_hh, h0, opts) end

---The list of ops that ran since it was opened; one may be open at a time.
---@class rnn.Tape
---@operator len: integer number of ops recorded
local Tape = {}

---Adds the gradient of 'loss' (one element, computed under this tape) to the
---`grad` of every parameter it depends on.
---@param loss rnn.Tensor
function Tape:backward(loss) end

---Closes the tape and every tensor computed under it.
function Tape:close() end

---What the optimizers share. Hyper-parameters and clips are fields, read or
---written: opt.lr, opt.clip_norm. Clips are 0 when they are off, and applied to
---the gradients of a step in this order:
---
---    clip_adaptive  rows of a parameter (a vector is one row) longer than this
---                   share of the row are cut to it (Brock et al. 2021)
---    normalize      each gradient gets this norm (Yu et al. 2018)
---    clip_each      its norm is cut to this
---    clip_norm      the norm of all together is cut to this
---    clip_value     each element is
---@class rnn.Optim: userdata
---@field lr number the base of all groups' learning rates: when it is set, they
---keep their ratios to it
---@field kind string
---@field params rnn.Tensor[] all parameters, with `names` if they have names
---@field groups rnn.Group[] as given to the constructor, then those that
---no_decay took out of them
local Optim = {}

---Parameters with hyper-parameters of their own. A group takes the optimizer's
---values where it has none; clips are the optimizer's alone.
---@class rnn.Group
---@field params rnn.Tensor[]
---@field lr number kept as a multiple of the optimizer's lr
---@field [string] number any other hyper-parameter, read or written

---Applies one step and clears the gradients. Raises, without having changed a
---parameter, when a gradient is not finite.
---@return number norm global gradient norm before clipping
function Optim:step() end

---Norm of the gradients as they stand, in double; nothing is applied.
---@return number norm global, before clipping
---@return string? bad the first parameter whose gradient is not finite
function Optim:norm() end

---Clears the gradients.
function Optim:zero() end

---@return table<string, number>
function Optim:hyper() end

---@return table[] state one entry per parameter: name, steps, slots
function Optim:state() end

---Takes back what Optim:state() gave, for the same parameters. All is checked
---first; on a mismatch nothing changes.
---@param state table[]
---@return true|nil ok
---@return string? message
function Optim:restore(state) end

---Sets how many updates a parameter has had, as a checkpoint tells.
---@param i integer position of the parameter
---@param n integer
function Optim:set_steps(i, n) end

---@return boolean keeps it averages of the parameters, for with?
function Optim:averages() end

---Calls fn(...) with the averages of an optimizer that keeps some (rnn.ASGD,
---rnn.EMA) in the place of the parameters, to evaluate or to save; puts the
---parameters back when it ends, however it ends. A call inside of fn changes
---nothing more.
---@param fn function
---@param ... any
---@return any ... what fn returned
function Optim:with(fn, ...) end

---Lets go of parameters and state now.
function Optim:close() end

---@class rnn.OptimOptions: {[string]: number|boolean}
---@field lr? number
---@field no_decay? string[] patterns: parameters whose names match get no
---weight decay; each must match one

---Ids of any number (`#tokens`), kept narrow: in memory, in a file that is read
---by windows, or as the bytes of a text file. rnn.corpus makes them; rnn.text's
---batches and core's windows take them as they take a tensor.
---@class rnn.Tokens: userdata
---@operator len: integer
local Tokens = {}

---@param axis integer 1
---@param from? integer first index; default 1
---@param to? integer last index, included; default -1
---@return rnn.Tokens that shares the store
function Tokens:slice(axis, from, to) end

---Raises when the file cannot be read.
---@return rnn.Tensor ids (M) int32
function Tokens:totensor() end

---For a store of bytes.
---@param offset integer how many come before
---@param n integer
---@return string|nil s of n bytes, fewer at the end
---@return string? message
---@return string? code
function Tokens:bytes(offset, n) end

---Lets go of the store now; slices of it stay.
function Tokens:close() end

---@class rnn.TokenPlan
---@field vocab integer ids are 1 .. vocab
---@field expected? integer about how many there will be
---@field memory? integer bytes of ids that stay in memory; default all
---@field path? string token file for more
---@field folder? string of a temporary file for more; default "/tmp"
---@field key? string what the ids are made of, for core.tokens_open

---@class rnn.TokenWriter: userdata
local TokenWriter = {}

---Raises for an id out of range.
---@param ids rnn.Tensor|string int32; or bytes, of which there are 256
---@return true|nil ok
---@return string? message
---@return string? code
function TokenWriter:append(ids) end

---@return rnn.Tokens|nil
---@return string? message
---@return string? code
function TokenWriter:finish() end

---Gives up.
function TokenWriter:close() end

---What a text is made of.
---@class rnn.Scan
---@field bytes integer
---@field codes integer code points, without a byte order mark at the start
---@field crlf integer CR LF
---@field cr integer CR without LF
---@field bad integer bytes that are no UTF-8
---@field bad_at? integer where the first of them is
---@field bad_line? integer and its line
---@field mark boolean it begins with a byte order mark
---@field ascii boolean all else is ASCII

---Goes over texts in pieces, wherever they are cut; collects the code points
---of all its texts.
---@class rnn.Scanner: userdata
local Scanner = {}

---@param piece string
---@return integer bad bytes so far that are no UTF-8
function Scanner:feed(piece) end

---@return rnn.Scan so far
function Scanner:now() end

---Ends a text; what is fed next is another one.
---@return rnn.Scan
function Scanner:finish() end

---@return string fingerprint of the texts that are finished
function Scanner:fingerprint() end

function Scanner:close() end

---What a list is of: words between white space, with "<unk>", id 1; the same
---and line ends, "<eos>", id 2; grapheme clusters, with "<unk>" or with ids of
---bytes behind the list; pieces of words, which BPE is learnt from.
---@alias rnn.WordKind "words"|"lines"|"clusters"|"clusters+bytes"|"pieces"

---A list of words by their ids, each with how often it was seen.
---@class rnn.Words: userdata
local Words = {}

---Adds a word with the next id.
---@param word string
---@return true|nil
---@return string? message it is no word, or is there already
---@return string? code "EFORMAT"
function Words:add(word) end

---Counts the words of a text; those that are not in the list join it.
---@param s string
function Words:feed(s) end

---@return integer words fed, line ends among them
function Words:seen() end

---The first 'kept' words, then those seen at least 'least' times, the most
---frequent first, up to 'most' in all.
---@param kept integer
---@param least integer
---@param most integer
---@return rnn.Words|nil
---@return string? message
---@return string? code "EFORMAT"
function Words:choose(kept, least, most) end

---@return string[] words by their ids
function Words:list() end

---@param s string
---@return rnn.Tensor ids (M) int32
function Words:encode(s) end

---@param ids rnn.Tensor|integer[]
---@return string s
function Words:decode(ids) end

function Words:close() end

---Byte pair encoding: ids 1 to 256 are bytes, each one beyond is made of two
---before it.
---@class rnn.Bpe: userdata
local Bpe = {}

---@return integer[] parts the two of id 257, then those of 258, ...
function Bpe:parts() end

---@param id integer
---@return string bytes
function Bpe:token(id) end

---@param s string
---@return rnn.Tensor ids (M) int32
function Bpe:encode(s) end

---@param ids rnn.Tensor|integer[]
---@return string s
function Bpe:decode(ids) end

function Bpe:close() end

---What rnn's own modules use of C, beside what rnn shows.
---@class rnn.core
local core = {}

---@param kind rnn.WordKind
---@param limit? integer bytes that its words may take up while it is fed; then
---half of them, the rarest, are let go. Default 0: no limit
---@return rnn.Words
function core.words(kind, limit) end

---@param kind rnn.WordKind
---@param s string
---@return integer n bytes of s that are words, whatever comes after
function core.words_cut(kind, s) end

---@param parts integer[] as Bpe:parts
---@return rnn.Bpe|nil
---@return string? message
---@return string? code "EFORMAT"
function core.bpe(parts) end

---Learns: the two tokens that stand together most often become one, until there
---are 'size' ids or no pair was seen 'least' times.
---@param words rnn.Words of the kind "pieces"
---@param size integer
---@param least integer
---@return rnn.Bpe
function core.bpe_fit(words, size, least) end

---@param s string
---@return integer n bytes before the white space that is last, 0 without such
function core.words_gap(s) end

---What is wrong with a row or a cell, as rnl_CsvFault says it in rnl.h.
---@class rnn.CsvFault
---@field what string
---@field line integer
---@field cells integer of the row
---@field column integer|nil
---@field cell string|nil
---@field kind string|nil of the column
---@field since integer|nil the line that the kind was guessed from

---Cuts tables into rows, and cells into numbers and dates; rnn.data has what
---programs use. What gives nothing takes more bytes, or the end is reached.
---@class rnn.CsvReader: userdata
local CsvReader = {}

---Adds bytes; nil: there are no more.
---@param s string|nil
function CsvReader:feed(s) end

---Adds a cell that stands for no number.
---@param cell string
function CsvReader:missing(cell) end

---@param kinds ("text"|"number"|"date"|"guess")[] of all columns
---@param keep boolean whether numbers are kept for `tensor`
---@param date_format? string
function CsvReader:columns(kinds, keep, date_format) end

---@param again boolean whether the row comes once more
---@return string[]|nil cells of the next row
---@return integer|rnn.CsvFault|nil line or fault
function CsvReader:row(again) end

---@param names (string|integer)[] of the columns
---@return table<string|integer, string|number>|nil row
---@return integer|rnn.CsvFault|nil line or fault
function CsvReader:record(names) end

---Takes all rows that the bytes hold.
---@param lists string[][] of each column, for cells that are text
---@return nil
---@return rnn.CsvFault|nil
function CsvReader:take(lists) end

---@param column integer
---@return "text"|"number"|"date"|"guess" kind "guess": all are missing
function CsvReader:kind(column) end

---@param column integer
---@return rnn.Tensor numbers (n) float64, once
function CsvReader:tensor(column) end

---Lets go of all but the lines of rows.
---@return integer rows
function CsvReader:finish() end

---@param row integer
---@return integer line
function CsvReader:line(row) end

function CsvReader:close() end

---@param separator string
---@return rnn.CsvReader
function core.csv_reader(separator) end

---Dates; rnn.data.dates has what programs use.
---@param s string
---@param format? string
---@return number|nil seconds
---@return string? wrong "spelling", "order" or "range"
function core.date_read(s, format) end

---@param seconds number
---@return rnn.DateFields|nil
function core.date_fields(seconds) end

---@param seconds number
---@param unit string
---@param count number
---@param day integer|nil
---@param n integer
---@return number|nil seconds
function core.date_after(seconds, unit, count, day, n) end

---@param times rnn.Tensor float64
---@return string spacing
---@return string unit
---@return number count
---@return integer day
---@return integer row
---@return integer steps
function core.date_frequency(times) end

---The words of a dictionary, each with a frequency and a tag; rnn.dict has what
---programs use.
---@class rnn.Dictionary: userdata
local Dictionary = {}

---Sets how often a word occurs and its tag (nil: as it was); 0 removes it.
---@param word string
---@param freq integer
---@param tag? string
---@return true|nil
---@return string? message
---@return string? code "EFORMAT"
function Dictionary:set(word, freq, tag) end

---@param word string
---@return integer|nil freq nil when it is not there
---@return string? tag "" when it has none
function Dictionary:get(word) end

---Sets the words of whole lines "WORD FREQUENCY TAG".
---@param s string
---@return integer|nil lines
---@return string? message
---@return string? code "EFORMAT"
---@return integer? line that is wrong
function Dictionary:read(s) end

---@return string[] words in the order of their bytes
---@return integer[] frequencies
---@return string[] tags
function Dictionary:list() end

---@param s string
---@param mode "best"|"guess"|"max"|"all"
---@param users rnn.Dictionary[] user words
---@param spaces? boolean
---@return string[] words
---@return integer[] first byte of each
---@return string[] kinds
function Dictionary:cut(s, mode, users, spaces) end

function Dictionary:close() end

---@return rnn.Dictionary empty
function core.dict() end

---Replaces a file as a whole.
---@param path string
---@param s string
---@return true|nil
---@return string? message
---@return string? code "EIO"
function core.text_save(path, s) end

---@return rnn.Scanner
function core.scanner() end

---A short text that differs when two texts differ, in all likelihood: their
---length, "-", 16 hexadecimal digits.
---@param s string
---@return string
function core.fingerprint(s) end

---`kind` is "file", "directory", "pipe", "socket" or "device"; `stamp` another
---text once the file was changed or replaced.
---@param path string
---@return {kind: string, size: integer, stamp: string}|nil
---@return string? message
function core.file_info(path) end

---@return boolean
function core.is_tokens(x) end

---Is a tape open? What only training does asks.
---@return boolean
function core.taped() end

---@param plan rnn.TokenPlan
---@return rnn.TokenWriter
function core.token_writer(plan) end

---A token file with this key; false if it is to be written.
---@param path string
---@param vocab integer
---@param key string
---@return rnn.Tokens|false|nil
---@return string? message it is something else, or cannot be read
---@return string? code
function core.tokens_open(path, vocab, key) end

---x[t,n] = ids[start + (n-1) * stride + t]; y is one id further. Raises when a
---file cannot be read.
---@param ids rnn.Tensor|rnn.Tokens
---@param start integer offset, from 0
---@param T integer
---@param N integer
---@param stride integer
---@return rnn.Tensor x (T,N)
---@return rnn.Tensor y (T,N)
function core.text_batch(ids, start, T, N, stride) end

---x[t,n] = ids[starts[n] + t]; y is one id further. Raises when a file cannot
---be read.
---@param ids rnn.Tensor|rnn.Tokens
---@param starts integer[] N offsets, from 0
---@param T integer
---@return rnn.Tensor x (T,N)
---@return rnn.Tensor y (T,N)
function core.text_windows(ids, starts, T) end

---@class rnn
rnn = {}

---@param v number|table nested tables
---@param dtype? rnn.Dtype default rnn.default_dtype()
---@return rnn.Tensor
function rnn.tensor(v, dtype) end

---@param v integer|table nested tables of ids, from 1
---@return rnn.Tensor int32
function rnn.ids(v) end

---@param shape rnn.Shape
---@param dtype? rnn.Dtype
---@return rnn.Tensor
function rnn.zeros(shape, dtype) end

---@param shape rnn.Shape
---@param dtype? rnn.Dtype
---@return rnn.Tensor
function rnn.ones(shape, dtype) end

---@param shape rnn.Shape
---@param x number
---@param dtype? rnn.Dtype
---@return rnn.Tensor
function rnn.full(shape, x, dtype) end

---@param shape rnn.Shape
---@param dtype? rnn.Dtype
---@return rnn.Tensor normal with mean 0 and variance 1
function rnn.randn(shape, dtype) end

---@param shape rnn.Shape
---@param lo? number default 0
---@param hi? number default 1
---@param dtype? rnn.Dtype
---@return rnn.Tensor
function rnn.uniform(shape, lo, hi, dtype) end

---@param n integer
---@param dtype? rnn.Dtype
---@return rnn.Tensor 0, 1, ... n-1
function rnn.arange(n, dtype) end

---Marks a tensor as a parameter: it wants a gradient.
---@param t rnn.Tensor
---@return rnn.Tensor t
function rnn.param(t) end

---Opens a tape: `local tape <close> = rnn.tape()`.
---@return rnn.Tape
function rnn.tape() end

---Seeds the one generator everything random draws from (xoshiro256**).
---@param n integer
function rnn.seed(n) end

---@return number uniform in [0,1)
function rnn.random() end

---@param state? string what an earlier call returned
---@return string state of the generator, 64 hex digits
function rnn.random_state(state) end

---@param n? integer worker threads, 0 = all cores this process may use;
---results do not depend on it
---@return integer threads in use
function rnn.threads(n) end

---Instruction set of the recurrent kernels: "portable", "avx2", "avx512" or
---"avx512bf16"; by default the best of the machine, or what the environment
---variable RNNLUA_KERNELS says. Results differ in their last bits.
---@param name? string not while a tape is open
---@return string name in use
function rnn.kernels(name) end

---A stepper packs the weights of a model and runs it one token at a time, for
---several streams, without tape or allocation, and draws tokens: see
---lua/rnn/stepper.lua. rnn.generate and rnn.score stand on models as a whole.
---@param model table with one Embedding, one RNN, LSTM or GRU, one Linear
---@param o? rnn.StepperOptions {precision = "full", streams = 1, history = 64}
---@return rnn.Stepper
function rnn.stepper(model, o) end

---@param dtype? "float32"|"float64"
---@return rnn.Dtype dtype new tensors and parameters get
function rnn.default_dtype(dtype) end

---Gradient descent, as torch.optim.SGD: momentum (Polyak 1964), and
---Nesterov's form of it (Sutskever et al. 2013).
---
---    g += weight_decay p
---    b = momentum b + (1 - dampening) g      the first b is g itself
---    p -= lr b       with nesterov p -= lr (g + momentum b)
---
---Options: lr = 1e-3, momentum, dampening, nesterov, weight_decay = 0; clips,
---no_decay.
---
---    local opt = rnn.SGD(rnn.parameters(model), {lr = 0.1, momentum = 0.9})
---    local tape <close> = rnn.tape()
---    tape:backward(rnn.mse(model.out(x), y))
---    opt:step()
---@param params rnn.Tensor[]|rnn.Group[]
---@param opts? rnn.OptimOptions
---@return rnn.Optim
function rnn.SGD(params, opts) end

---Gradient descent that averages (Polyak and Juditsky 1992), as
---torch.optim.ASGD; opt:with(fn) puts the averages in the place of the
---parameters. rnn.NTASGD begins to average when validation tells to.
---
---    g += weight_decay p      eta = lr / (1 + lambd lr (t-1))^alpha
---    p = (1 - lambd eta) p - eta g
---    average += (p - average) / max(1, t - 1 - t0)
---
---Options: lr = 1e-2, lambd = 1e-4, alpha = 0.75, t0 = 1e6, weight_decay = 0;
---clips, no_decay.
---
---    local opt = rnn.ASGD(rnn.parameters(model), {lr = 0.5, t0 = 1000})
---    local tape <close> = rnn.tape()
---    tape:backward(rnn.mse(model.out(x), y))
---    opt:step()
---@param params rnn.Tensor[]|rnn.Group[]
---@param opts? rnn.OptimOptions
---@return rnn.Optim
function rnn.ASGD(params, opts) end

---Resilient propagation (Riedmiller and Braun 1993), as torch.optim.Rprop:
---for gradients of all the data at once.
---
---    size *= etaplus where g has the sign of the last g
---    size *= etaminus, and g = 0, where it has the other
---    p -= sign(g) size      size in [step_min, step_max], at first lr
---
---Options: lr = 1e-2, etas = {0.5, 1.2}, step_sizes = {1e-6, 50}; clips.
---
---    local opt = rnn.Rprop(rnn.parameters(model), {lr = 1e-2})
---    local tape <close> = rnn.tape()
---    tape:backward(rnn.mse(model.out(x), y))
---    opt:step()
---@param params rnn.Tensor[]|rnn.Group[]
---@param opts? rnn.OptimOptions
---@return rnn.Optim
function rnn.Rprop(params, opts) end

---Adagrad (Duchi et al. 2011), as torch.optim.Adagrad.
---
---    g += weight_decay p      s += g^2
---    p -= lr / (1 + (t-1) lr_decay) g / (sqrt(s) + eps)
---
---Options: lr = 1e-2, lr_decay, weight_decay, initial_accumulator_value = 0,
---eps = 1e-10; clips, no_decay.
---
---    local opt = rnn.Adagrad(rnn.parameters(model), {lr = 0.05})
---    local tape <close> = rnn.tape()
---    tape:backward(rnn.mse(model.out(x), y))
---    opt:step()
---@param params rnn.Tensor[]|rnn.Group[]
---@param opts? rnn.OptimOptions
---@return rnn.Optim
function rnn.Adagrad(params, opts) end

---Adadelta (Zeiler 2012), as torch.optim.Adadelta.
---
---    g += weight_decay p      s = rho s + (1 - rho) g^2
---    d = sqrt(a + eps) / sqrt(s + eps) g      a = rho a + (1 - rho) d^2
---    p -= lr d
---
---Options: lr = 1, rho = 0.9, eps = 1e-6, weight_decay = 0; clips, no_decay.
---
---    local opt = rnn.Adadelta(rnn.parameters(model), {rho = 0.95})
---    local tape <close> = rnn.tape()
---    tape:backward(rnn.mse(model.out(x), y))
---    opt:step()
---@param params rnn.Tensor[]|rnn.Group[]
---@param opts? rnn.OptimOptions
---@return rnn.Optim
function rnn.Adadelta(params, opts) end

---RMSprop (Tieleman and Hinton 2012; centered: Graves 2013), as
---torch.optim.RMSprop.
---
---    g += weight_decay p      s = alpha s + (1 - alpha) g^2
---    a += (1 - alpha) (g - a)      centered: s - a^2 in the place of s
---    b = momentum b + g / (sqrt(s) + eps)      p -= lr b
---
---Options: lr = 1e-2, alpha = 0.99, eps = 1e-8, momentum, centered,
---weight_decay = 0; clips, no_decay.
---
---    local opt = rnn.RMSprop(rnn.parameters(model),
---                            {lr = 1e-3, centered = true})
---    local tape <close> = rnn.tape()
---    tape:backward(rnn.mse(model.out(x), y))
---    opt:step()
---@param params rnn.Tensor[]|rnn.Group[]
---@param opts? rnn.OptimOptions
---@return rnn.Optim
function rnn.RMSprop(params, opts) end

---Adam (Kingma and Ba 2015), as torch.optim.Adam; with amsgrad (Reddi et
---al. 2018) the largest v so far divides.
---
---    g += weight_decay p
---    m += (1 - beta1) (g - m)      v = beta2 v + (1 - beta2) g^2
---    p -= lr / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps)
---
---Options: lr = 1e-3, betas = {0.9, 0.999}, eps = 1e-8, weight_decay = 0,
---amsgrad = false; clips, no_decay.
---
---    local opt = rnn.Adam(rnn.parameters(model), {lr = 2e-3, clip_norm = 5})
---    local tape <close> = rnn.tape()
---    tape:backward(rnn.mse(model.out(x), y))
---    opt:step()
---@param params rnn.Tensor[]|rnn.Group[]
---@param opts? rnn.OptimOptions
---@return rnn.Optim
function rnn.Adam(params, opts) end

---Adam with decoupled weight decay (Loshchilov and Hutter 2019), as
---torch.optim.AdamW.
---
---    p -= lr weight_decay p      and then rnn.Adam without weight decay
---
---Options: as rnn.Adam, weight_decay = 1e-2; clips, no_decay.
---
---    local opt = rnn.AdamW(rnn.parameters(model),
---                          {weight_decay = 0.1, no_decay = {"bias"}})
---    local tape <close> = rnn.tape()
---    tape:backward(rnn.mse(model.out(x), y))
---    opt:step()
---@param params rnn.Tensor[]|rnn.Group[]
---@param opts? rnn.OptimOptions
---@return rnn.Optim
function rnn.AdamW(params, opts) end

---AdaMax (Kingma and Ba 2015, section 7), as torch.optim.Adamax.
---
---    g += weight_decay p      m += (1 - beta1) (g - m)
---    u = max(beta2 u, |g| + eps)      p -= lr / (1 - beta1^t) m / u
---
---Options: lr = 2e-3, betas = {0.9, 0.999}, eps = 1e-8, weight_decay = 0;
---clips, no_decay.
---
---    local opt = rnn.Adamax(rnn.parameters(model), {lr = 2e-3})
---    local tape <close> = rnn.tape()
---    tape:backward(rnn.mse(model.out(x), y))
---    opt:step()
---@param params rnn.Tensor[]|rnn.Group[]
---@param opts? rnn.OptimOptions
---@return rnn.Optim
function rnn.Adamax(params, opts) end

---Adam with Nesterov's momentum (Dozat 2016), as torch.optim.NAdam.
---
---    mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)      q = mu_1 ... mu_t
---    m, v as rnn.Adam      D = sqrt(v / (1 - beta2^t)) + eps
---    p -= lr (1 - mu_t) / (1 - q) g / D
---       + lr mu_(t+1) / (1 - q mu_(t+1)) m / D
---
---Options: lr = 2e-3, betas = {0.9, 0.999}, eps = 1e-8, weight_decay = 0,
---momentum_decay = 4e-3, decoupled_weight_decay = false; clips, no_decay.
---
---    local opt = rnn.NAdam(rnn.parameters(model), {lr = 2e-3})
---    local tape <close> = rnn.tape()
---    tape:backward(rnn.mse(model.out(x), y))
---    opt:step()
---@param params rnn.Tensor[]|rnn.Group[]
---@param opts? rnn.OptimOptions
---@return rnn.Optim
function rnn.NAdam(params, opts) end

---RAdam (Liu et al. 2020), as torch.optim.RAdam: Adam that needs no warm-up.
---
---    m, v as rnn.Adam      M = m / (1 - beta1^t)
---    r_inf = 2 / (1 - beta2) - 1
---    r = r_inf - 2 t beta2^t / (1 - beta2^t)
---    c = sqrt((r-4) (r-2) r_inf / ((r_inf-4) (r_inf-2) r))
---    p -= lr M c sqrt(1 - beta2^t) / (sqrt(v) + eps)      if r > 5
---    p -= lr M                                            else
---
---Options: lr = 1e-3, betas = {0.9, 0.999}, eps = 1e-8, weight_decay = 0,
---decoupled_weight_decay = false; clips, no_decay.
---
---    local opt = rnn.RAdam(rnn.parameters(model), {lr = 1e-3})
---    local tape <close> = rnn.tape()
---    tape:backward(rnn.mse(model.out(x), y))
---    opt:step()
---@param params rnn.Tensor[]|rnn.Group[]
---@param opts? rnn.OptimOptions
---@return rnn.Optim
function rnn.RAdam(params, opts) end

---Lion (Chen et al. 2023, algorithm 2).
---
---    p -= lr (sign(beta1 m + (1 - beta1) g) + weight_decay p)
---    m = beta2 m + (1 - beta2) g
---
---Options: lr = 1e-4, betas = {0.9, 0.99}, weight_decay = 0; clips, no_decay.
---
---    local opt = rnn.Lion(rnn.parameters(model),
---                         {lr = 1e-4, weight_decay = 0.1})
---    local tape <close> = rnn.tape()
---    tape:backward(rnn.mse(model.out(x), y))
---    opt:step()
---@param params rnn.Tensor[]|rnn.Group[]
---@param opts? rnn.OptimOptions
---@return rnn.Optim
function rnn.Lion(params, opts) end

---@class rnn.Memory
---@field live integer bytes in use
---@field peak integer highest of that
---@field cached integer bytes kept for reuse
---@field mallocs integer calls of malloc so far

---@return rnn.Memory
function rnn.memory() end

---What a model file says of itself: see lua/rnn/info.lua.
---@param path string
---@return rnn.Info|nil
---@return string? message "path: reason"
---@return string? code "EIO" or "EFORMAT"
function rnn.info(path) end

---The losses are the ops of the same names: rnn.mse(x, y) is x:mse(y).
rnn.cross_entropy = Tensor.cross_entropy
rnn.nll = Tensor.nll
rnn.mse = Tensor.mse
rnn.bce_with_logits = Tensor.bce_with_logits
rnn.huber = Tensor.huber
rnn.smooth_l1 = Tensor.smooth_l1
rnn.gaussian_nll = Tensor.gaussian_nll

---@param x rnn.Tensor (...), or (...,Q) for a list of Q
---@param y rnn.Tensor (...) targets
---@param q number|number[] from 0 to 1
---@param opts? {reduction: rnn.Reduction}
---@return rnn.Tensor loss see lua/rnn/quantile.lua
function rnn.quantile(x, y, q, opts) end

---Activation regularisation, mean of h^2: see lua/rnn/regularise.lua.
---`loss + 2 * rnn.ar(drop(h)) + rnn.tar(h)`
---@param h rnn.Tensor (T,N,F)
---@param opts? {lengths: integer[]}
---@return rnn.Tensor loss
function rnn.ar(h, opts) end

---Temporal activation regularisation, mean of (h_(t+1) - h_t)^2.
---@param h rnn.Tensor (T,N,F)
---@param opts? {lengths: integer[]}
---@return rnn.Tensor loss
function rnn.tar(h, opts) end

---While a tape is open, each id is 'unknown' with probability p.
---@param ids rnn.Tensor (...) int32
---@param p number from 0 to 1
---@param unknown integer
---@return rnn.Tensor ids (...) int32
function rnn.word_dropout(ids, p, unknown) end

return rnn
