/**
 * Types of the admin API's responses (docs/api/).
 *
 * @typedef {{id: string, label: string, image?: string | null, capacity?: number | null}} Option
 * @typedef {{min: number, max: number}} Bounds
 * @typedef {{outcome: string | null, at: string, effective_at?: string, by?: string, version?: number, note?: string | null, source?: string | null}} Resolution
 *
 * @typedef {object} Poll
 * @property {string} id
 * @property {string} kind
 * @property {string} question
 * @property {string | null} description
 * @property {Option[]} options
 * @property {Bounds | null} choices
 * @property {Bounds | null} scale
 * @property {boolean} forecast
 * @property {boolean} ordered
 * @property {string} opens_at
 * @property {string | null} closes_at
 * @property {string | null} visible_at
 * @property {string | null} [timezone]
 * @property {string} revote
 * @property {string} identity
 * @property {string | null} issuer
 * @property {string} results
 * @property {string | null} series
 * @property {string | null} resolve_by
 * @property {number} shards
 * @property {string[] | null} origins
 * @property {boolean} shuffle
 * @property {boolean} network_tags
 * @property {string | null} lang
 * @property {string} phase
 * @property {Resolution | null} resolution
 * @property {string | null} planned_closes_at
 * @property {string} created_at
 * @property {number} version
 *
 * @typedef {object} Results
 * @property {'results'} type
 * @property {string} poll
 * @property {string} epoch
 * @property {number} seq
 * @property {string} phase
 * @property {boolean} final
 * @property {string} as_of
 * @property {string | null} closes_at
 * @property {boolean} [hidden]
 * @property {number} [voters]
 * @property {Record<string, number>} [counts]
 * @property {number | null} [mean]
 * @property {Record<string, number> | null} [forecast]
 * @property {Record<string, number> | null} [mean_log]
 * @property {string | null} [winner]
 * @property {string[]} [leading]
 *
 * @typedef {{at: string, voters: number, counts: Record<string, number>}} Point
 * @typedef {{at: string, by: string, act: string, before: Record<string, any> | null, after: Record<string, any> | null}} AuditEntry
 * @typedef {{matches: boolean, stored: Totals, recounted: Totals}} Recount
 * @typedef {{voters: number, counts: Record<string, number>}} Totals
 */

export {};
