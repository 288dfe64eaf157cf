-- What every function answers with before it says anything else, and the letters of one ballot's outcome.
-- The Python side translates these in one table (library.py); a test holds the two together.

local GONE = 'gone'       -- no such poll
local STALE = 'stale'     -- the caller judged by another version of the poll; nothing was written
local DONE = 'done'       -- done now
local NO_CHANGE = 'no_change'   -- done before, or so already: nothing was written
local EXISTS = 'exists'   -- another poll has this id
local VERSION_MOVED = 'version'  -- the poll is at another version than the caller named
local CONFLICT = 'conflict'      -- the act does not fit the phase
local NOT_IN_FUTURE = 'not_in_future'       -- an instant that must lie ahead does not
local MOVED = 'moved'     -- the poll of this id lies in another slot, or is about to
local IN_PROGRESS = 'in_progress'    -- scores are being given or taken back
local OVER_CAPACITY = 'over_capacity'  -- more voters have chosen an option than its capacity would be

local OUTCOME_COUNTED = 'c'         -- a first vote: revision 1, at this call's now
local OUTCOME_COUNTED_AGAIN = 'C'   -- a vote after one was taken back: the revision has grown
local OUTCOME_CHANGED = 'h'         -- another choice stood
local OUTCOME_UNCHANGED = 'u'       -- this choice stands already
local OUTCOME_WITHDRAWN = 'w'       -- no choice stands any more
local OUTCOME_ALREADY_VOTED = 'v'   -- another choice stands, and the poll lets nobody change
local OUTCOME_STALE_REVISION = 'r'  -- another revision stands than the one to be replaced
local OUTCOME_NOT_OPEN = 'n'        -- the window has not begun
local OUTCOME_CLOSED = 'x'          -- the window has ended
local OUTCOME_KEY_REUSED = 'k'      -- an idempotency key came back with another choice
local OUTCOME_RATE_LIMITED = 'l'    -- the network has cast as many votes as it may for now
local OUTCOME_OPTION_FULL = 'f'     -- as many voters as may have chosen an option of the ballot
