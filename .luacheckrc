std = "lua54"
max_line_length = 80
exclude_files = {"tests/fixtures"}
files["lua/types"] = {ignore = {"."}}
files["tests/spec"] = {std = "lua54+busted"}
