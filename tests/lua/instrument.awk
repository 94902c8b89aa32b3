# SPDX-License-Identifier: MIT
# Instruments the library: reads its files in order, writes one that counts
# which branches are taken. Each condition of if, elseif and while becomes
# branch(N, ...), which counts whether it held and hands it on; each for counts
# that its body was entered. The list of branches goes to the file `map`, as
# N FILE:LINE WAYS. `and`, `or` outside of conditions are not looked at.
#
# usage: awk -f instrument.awk -v map=FILE common/lua/*.lua

function note(ways) {
	n++
	print n, FILENAME ":" FNR, ways >map
	return n
}
# Behind the first comment, which names the library, and before all else.
function prologue() {
	print "local branches = {}"
	print "local function branch(n, held)"
	print "  local key = n .. (held and '+' or '-')"
	print "  branches[key] = (branches[key] or 0) + 1"
	print "  return held"
	print "end"
	is_begun = 1
}
!is_begun && !/^(#|--)/ { prologue() }
{
	out = ""
	rest = $0
	while (rest != "") {
		if (match(rest, /^--.*/) ||
		    match(rest, /^'([^'\\]|\\.)*'/) ||
		    match(rest, /^"([^"\\]|\\.)*"/)) {
			token = substr(rest, 1, RLENGTH)
		} else if (match(rest, /^[A-Za-z_][A-Za-z_0-9]*/)) {
			token = substr(rest, 1, RLENGTH)
			if (token == "if" || token == "elseif" ||
			    token == "while") {
				out = out token " branch(" note("+-") ", "
				rest = substr(rest, RLENGTH + 1)
				is_open = 1
				continue
			} else if (is_open && (token == "then" ||
			    token == "do")) {
				out = out ") " token
				is_open = 0
				rest = substr(rest, RLENGTH + 1)
				continue
			} else if (token == "for") {
				is_for = 1
			} else if (is_for && token == "do") {
				out = out "do branch(" note("+") ", true) "
				rest = substr(rest, RLENGTH + 1)
				is_for = 0
				continue
			}
			match(rest, /^[A-Za-z_][A-Za-z_0-9]*/)
		} else {
			match(rest, /^./)
			token = substr(rest, 1, 1)
		}
		out = out token
		rest = substr(rest, RLENGTH + 1)
	}
	print out
}
END {
	print "redis.register_function({ function_name = 'treadle_branches',"
	print "  flags = { 'no-writes' }, callback = function()"
	print "    local taken = {}"
	print "    for key in pairs(branches) do taken[#taken + 1] = key end"
	print "    return taken"
	print "  end })"
}
