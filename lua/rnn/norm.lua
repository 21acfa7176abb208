---What layers that normalise share: weight and bias, with options eps, affine
---(both of them) and bias.
local norm = {}

function norm.check(_, options)
  if not (options.eps >= 0 and options.eps < math.huge) then
    return ("'eps' must be a number >= 0, got %s"):format(options.eps)
  end
end

function norm.shapes(sizes, options)
  if not options.affine then return {} end
  return {{"weight", {sizes[1]}}, options.bias and {"bias", {sizes[1]}} or nil}
end

function norm.init(self)
  if self.weight then self.weight:fill(1) end
end

---Raises, for the caller's caller, unless x is (..., size).
function norm.check_input(self, x)
  local shape, config = x:shape(), self.config
  if shape[#shape] ~= config.sizes[1] then
    error(("%s: x must be (..., %d), got (%s)"):format(config.class,
          config.sizes[1], table.concat(shape, ", ")), 3)
  end
end

return norm
