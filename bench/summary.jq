# SPDX-License-Identifier: MIT
# From samples to figures: the median, least and greatest of each.

def median: sort | if length % 2 == 1 then .[length / 2 | floor]
	else (.[length / 2 - 1] + .[length / 2]) / 2 end;

def trim: sub("^ +"; "") | sub(" +$"; "");

# "< 20" or ">= 8000"; true if value reaches it, null without a target.
def reaches($target; $value):
	if $target == "" then null
	else ($target | split(" ")) as [$sign, $limit]
	| if $sign == "<" then $value < ($limit | tonumber)
	  else $value >= ($limit | tonumber) end
	end;

def figures: $table | split("\n")
	| map(select(test("^[a-z]")) | split("|") | map(trim)
		| {id: .[0], what: .[1], unit: .[2], target: .[3], share_of: .[4],
			peers: .[5]});

def of($id; $place): [$samples[] | select(.id == $id and .place == $place)];

def middle($id; $place): of($id; $place) | map(.value)
	| if length == 0 then null else median end;

def optional(f): map(f | select(. != null))
	| if length == 0 then null else median end;

$machine + {figures: [figures[] as $f | ("two", "one", "aof") as $place
	| of($f.id; $place) | select(length > 0)
	| map(.value) as $values | ($values | median) as $median
	| middle($f.share_of; $place) as $ceiling
	| $f + {place: $place, median: $median, min: ($values | min),
		max: ($values | max), samples: length,
		reached: reaches($f.target; $median),
		share: (if $ceiling then $median / $ceiling else null end),
		redis_us: optional(.redis), program_us: optional(.program)}]}
