---What layers that normalise share: weight and bias, options eps and affine.
local norm = {}

function norm.check(_, options)
  if not (options.eps >= 0) then
    return ("'eps' must be at least 0, got %s"):format(options.eps)
  end
end

function norm.shapes(sizes, options)
  if not options.affine then return {} end
  return {{"weight", {sizes[1]}}, {"bias", {sizes[1]}}}
end

function norm.init(self)
  if self.weight then self.weight:fill(1) end
end

return norm
