-- First element of every reply, and outcome letters of ballots.
-- Python translates them in one table (store/transport/function_library.py); a test compares both.

local GONE = 'gone'       -- no such poll
local STALE = 'stale'     -- the caller used another version of the poll; nothing was written
local DONE = 'done'       -- done by this call
local NO_CHANGE = 'no_change'   -- done before, or in that state already; nothing was written
local EXISTS = 'exists'   -- another poll has this id
local VERSION_MOVED = 'version'  -- the poll has another version than the expected one
local CONFLICT = 'conflict'      -- not allowed in this phase
local NOT_IN_FUTURE = 'not_in_future'       -- a time that must be in the future is not
local MOVED = 'moved'     -- the poll of this id is stored in another slot, or soon will be
local IN_PROGRESS = 'in_progress'    -- scores are being added or subtracted
local WAITING = 'waiting'    -- another poll of the series is being scored
local OVER_CAPACITY = 'over_capacity'  -- more voters chose an option than its new capacity

local OUTCOME_COUNTED = 'c'         -- a first vote: revision 1, at this call's now
local OUTCOME_COUNTED_AGAIN = 'C'   -- a vote after a withdrawal; the revision is higher
local OUTCOME_CHANGED = 'h'         -- replaced another choice
local OUTCOME_UNCHANGED = 'u'       -- the same choice as the current vote
local OUTCOME_WITHDRAWN = 'w'       -- the vote was withdrawn
local OUTCOME_ALREADY_VOTED = 'v'   -- there is another vote, and the poll does not allow changes
local OUTCOME_STALE_REVISION = 'r'  -- the current revision is not the expected one
local OUTCOME_NOT_OPEN = 'n'        -- the window has not opened
local OUTCOME_CLOSED = 'x'          -- the window has closed
local OUTCOME_KEY_REUSED = 'k'      -- an idempotency key was reused with another choice
local OUTCOME_RATE_LIMITED = 'l'    -- the network has reached its vote limit for now
local OUTCOME_CHANGES_USED = 'm'    -- the vote was changed so often that no further change can be stored
local OUTCOME_OPTION_FULL = 'f'     -- an option of the ballot has reached its capacity
