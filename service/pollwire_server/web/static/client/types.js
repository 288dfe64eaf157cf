/**
 * Types of the wire (docs/api/) and of the modules in this folder.
 *
 * @typedef {{id: string, label: string, image?: string | null, capacity?: number | null}} Option
 *
 * @typedef {object} Resolution
 * @property {string | null} outcome the correct option; null if the question was voided
 * @property {string} at
 * @property {string | null} [note] the operator's explanation
 * @property {string | null} [source] address of a page with evidence
 *
 * @typedef {object} Poll
 * @property {string} id
 * @property {string} kind `single`, `multiple`, `rating`, `ranked`, `prediction`, or one that this release does not support
 * @property {string} question
 * @property {string | null} [description]
 * @property {Option[] | null} options
 * @property {{min: number, max: number} | null} [choices] number of options in one ballot of a `multiple` poll
 * @property {{min: number, max: number} | null} [scale] the values of a `rating`
 * @property {boolean} [forecast]
 * @property {string} opens_at
 * @property {string | null} closes_at
 * @property {string} revote `never`, `change` or `withdraw`
 * @property {string} identity `device`, `open` or `signed`
 * @property {string} results `always`, `after_vote`, `after_close` or `operators`
 * @property {string | null} [timezone] the IANA time zone that its operators chose
 * @property {string | null} [series] predictions that share one leaderboard
 * @property {string | null} [lang]
 * @property {boolean} [shuffle]
 * @property {string | null} [tie_seed] of a `ranked` poll: seed of the lots that break ties
 * @property {string} phase
 * @property {Resolution | null} [resolution]
 *
 * @typedef {object} Results
 * @property {'results'} type
 * @property {string} poll
 * @property {string} epoch the history that `seq` belongs to; later ones sort higher
 * @property {number} seq
 * @property {string} phase
 * @property {boolean} final
 * @property {string} as_of time of the read, by the store's clock
 * @property {string | null} closes_at
 * @property {boolean} [hidden]
 * @property {number} [voters]
 * @property {Record<string, number>} [counts] by option, or by value of the scale
 * @property {string[]} [leading] of a `ranked` poll: the winner, or a declared tie
 * @property {boolean} [tie_broken] of a `ranked` poll: a rule broke a tie in a round
 * @property {number | null} [mean] of a `rating`
 * @property {Record<string, number> | null} [forecast] mean probability of each outcome of a forecast
 * @property {Record<string, {low: number, median: number, high: number}> | null} [spread] quartiles of each outcome
 * @property {Record<string, number> | null} [mean_log] mean natural logarithm of each outcome's probability
 * @property {Resolution | null} [resolution]
 *
 * @typedef {string | number | string[] | Record<string, number>} Choice an option's id, a value of the scale, several
 *   ids (of a `ranked` poll the best first), or a probability for each outcome
 *
 * @typedef {object} Standing a voter's current vote
 * @property {string} [status]
 * @property {Choice} choice
 * @property {string} at
 * @property {number} revision
 * @property {boolean | null} [correct] of a resolved prediction
 * @property {string} [receipt]
 *
 * @typedef {'connecting' | 'live' | 'delayed' | 'away'} Connection
 *   `live`: pushed at once; `delayed`: read every few seconds; `away`: no connection
 *
 * @typedef {object} Watcher callbacks for one poll
 * @property {(results: Results) => void} results
 * @property {(error: import('./errors.js').PollwireError) => void} [problem]
 * @property {(connection: Connection) => void} [connection]
 */

export {};
