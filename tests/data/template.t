# Templates: three lines each, the template (JSON), the scope (JSON), and the
# expected value (JSON), or "error: " and what the message must contain.

# --- constants ---
"plain"
{}
"plain"

{"a": [1, null, true, "x"], "b": {}}
{}
{"a": [1, null, true, "x"], "b": {}}

"costs $5, {braces}, $"
{}
"costs $5, {braces}, $"

"a $${b} c"
{}
"a ${b} c"

"$$${.input}"
{"input": 1}
"$${.input}"

"$${"
{}
"${"

# --- one expression keeps its type ---
"${.input.n}"
{"input": {"n": 3}}
3

"${.input}"
{"input": {"n": [1, {"a": null}]}}
{"n": [1, {"a": null}]}

"${.}"
{"input": 1}
{"input": 1}

"${ .input.n }"
{"input": {"n": false}}
false

"${.steps.a.output}"
{"steps": {"a": {"output": "x"}}}
"x"

["${.input.a}", {"k": "${.input.b}", "l": 1}]
{"input": {"a": 1, "b": [2]}}
[1, {"k": [2], "l": 1}]

# --- inside of text it becomes text ---
"n=${.input.n}, s=${.input.s}"
{"input": {"n": 3, "s": "x"}}
"n=3, s=x"

"${.input.n}${.input.n}"
{"input": {"n": 3}}
"33"

"${.input.n} "
{"input": {"n": 3}}
"3 "

"${.input.list} ${.input.none} ${.input.yes}"
{"input": {"list": [1, {"b": 2, "a": 1}], "yes": true}}
"[1,{\"a\":1,\"b\":2}] null true"

"${.input.f}|"
{"input": {"f": 0.1}}
"0.1|"

"日本 ${.input.t}"
{"input": {"t": "é"}}
"日本 é"

# --- plain paths mean what they mean to jq ---
"${.input.nope}"
{"input": {}}
null

"${.input.nope.deeper}"
{"input": {}}
null

"${.input.list[0]}"
{"input": {"list": ["a", "b"]}}
"a"

"${.input.list[-1]}"
{"input": {"list": ["a", "b"]}}
"b"

"${.input.list[7]}"
{"input": {"list": ["a", "b"]}}
null

"${.input[\"a b\"]}"
{"input": {"a b": 1}}
1

"${.steps[\"make-pages\"].output.n}"
{"steps": {"make-pages": {"output": {"n": 4}}}}
4

"${.[\"input\"]}"
{"input": 2}
2

"${.input.n.x}"
{"input": {"n": 3}}
error: ${.input.n.x}: Cannot index number with

"${.input.s[0]}"
{"input": {"s": "x"}}
error: ${.input.s[0]}: Cannot index string with

# --- jq ---
"${.input.list | length}"
{"input": {"list": [1, 2]}}
2

"${.input.a + .input.b}"
{"input": {"a": 1, "b": 2}}
3

"${[.input.list[] | {name: ., upper: ascii_upcase}]}"
{"input": {"list": ["a"]}}
[{"name": "a", "upper": "A"}]

"${.input.x // \"none\"}"
{"input": {}}
"none"

"sum ${.input.list | add}!"
{"input": {"list": [1, 2, 3]}}
"sum 6!"

"${if .input.n > 2 then \"many\" else \"few\" end}"
{"input": {"n": 3}}
"many"

"${.input.list | map(select(. > 1)) | {n: length, \"}\": \"{\"}}"
{"input": {"list": [1, 2, 3]}}
{"n": 2, "}": "{"}

"${\"a \\(.input.n) }\"}"
{"input": {"n": 3}}
"a 3 }"

"${.input.n # a comment with } and \"\n}"
{"input": {"n": 3}}
3

"${def f(x): x * 2; f(.input.n)}"
{"input": {"n": 3}}
6

"${.input as {n: $n} | $n}"
{"input": {"n": 3}}
3

"${reduce .input.list[] as $x (0; . + $x)}"
{"input": {"list": [1, 2]}}
3

"${@base64 \"\\(.input.s)\"}"
{"input": {"s": "ab"}}
"YWI="

"${.input.list[]}"
{"input": {"list": [1, 2]}}
error: ${.input.list[]}: gives more than one value

"${empty}"
{}
error: ${empty}: gives no value

"${.input.list[]}"
{"input": {"list": []}}
error: gives no value

"${.input.n | error(\"too \\(.)\")}"
{"input": {"n": 3}}
error: too 3

"${error({\"a\": 1})}"
{}
error: {"a":1}

"${1, error(\"late\")}"
{}
error: late

# --- what is withheld ---
"${$ENV.PATH}"
{}
null

"${env}"
{}
error: env is not available here

"${input}"
{}
error: input is not available here

"${[inputs]}"
{}
error: inputs is not available here

"${now}"
{}
error: now is not available here

"${0 | localtime}"
{}
error: localtime is not available here

"${debug}"
{}
error: debug is not available here

"${stderr}"
{}
error: stderr is not available here

"${halt}"
{}
error: halt is not available here

"${\"x\" | halt_error(1)}"
{}
error: halt_error(f) is not available here

"${get_search_list}"
{}
error: get_search_list is not available here

"${\"a\" | modulemeta}"
{}
error: modulemeta is not available here

"${import \"a\" as a; .}"
{}
error: syntax error

"${include \"a\"; .}"
{}
error: syntax error

# --- malformed ---
"${.input"
{}
error: has no closing }

"a ${"
{}
error: has no closing }

"${}"
{}
error: is empty

"${(}"
{}
error: closes the wrong bracket

"${1) | (2}"
{}
error: has a ")" that closes nothing

"${]}"
{}
error: has a "]" that closes nothing

"${\"a}"
{}
error: has a text without a closing quote

"${\"\\(1\"}"
{}
error: has a text without a closing quote

"${.input | nosuch}"
{}
error: ${.input | nosuch}: nosuch/0 is not defined

"${.input | | .}"
{}
error: syntax error

"${.inptu.x}"
{}
error: there is no .inptu; did you mean .input

"${.steps.make-pages.output}"
{}
error: write .steps["make-pages"]

"${secret:}"
{}
error: a secret's name is

"${secret:a b}"
{}
error: a secret's name is

{"a": {"b": "${nosuch}"}}
{}
error: nosuch/0 is not defined

{"a": {"b": "${]}"}}
{}
error: a: b: "${]}" has a
