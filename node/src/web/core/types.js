/**
 * The shapes of the node's answers, as `/openapi.json` describes them. Types only: nothing here runs.
 */

/** @typedef {"needs_title" | "active" | "running" | "error" | "archived"} SessionStatus */

/**
 * A row of the session list, and what a `session` event carries.
 *
 * @typedef {object} Item
 * @property {string} id
 * @property {string | null} title
 * @property {string} agent_id
 * @property {string} created_by
 * @property {SessionStatus} status
 * @property {string} updated_at
 * @property {string} last_message_preview
 * @property {number} revision
 * @property {boolean} archived
 * @property {string} ref
 * @property {Match | null} [match]
 */

/**
 * Where a search found its text.
 *
 * @typedef {object} Match
 * @property {number} line_number
 * @property {string} excerpt
 */

/**
 * @typedef {object} Meta
 * @property {string} id
 * @property {string} [title]
 * @property {string} agent_id
 * @property {string} created_by
 * @property {SessionStatus} status
 * @property {string} created_at
 * @property {string} updated_at
 * @property {string} [archived_at]
 * @property {string} [archived_from]
 * @property {string} [summary]
 * @property {string} [error]
 * @property {number} [processing_input_line]
 * @property {string} [processing_started_at]
 * @property {string} [attempt_id]
 * @property {string} [last_failed_attempt_id]
 * @property {string} [last_completed_attempt_id]
 * @property {number} [last_completed_input_line]
 * @property {number} [last_completed_line]
 * @property {number} last_human_line
 * @property {string} last_message_preview
 * @property {number} revision
 */

/**
 * @typedef {object} Entry
 * @property {string} message_id
 * @property {number} line_number
 * @property {boolean} sealed
 * @property {boolean} lost
 * @property {number} point_to
 * @property {string} author
 * @property {string} timestamp
 * @property {string} body
 * @property {{session_id: string, line_number?: number, raw: string}[]} links
 * @property {number} [on_devices]
 */

/**
 * @typedef {object} Detail
 * @property {Meta} meta
 * @property {Entry[]} entries
 * @property {boolean} archived
 * @property {string} [continues]
 * @property {{code: string, detail: string, records: string[]}[]} warnings
 * @property {number} uncounted
 * @property {number} [devices]
 */

/** @typedef {"pending" | "in_progress" | "completed" | "failed"} Progress */

/**
 * @typedef {object} ActivityEvent
 * @property {string} session_id
 * @property {string} attempt_id
 * @property {number} generation
 * @property {string | null} from
 * @property {"text" | "thought" | "tool" | "plan" | "usage" | "permission"} kind
 * @property {string} [text]
 * @property {string} [id]
 * @property {string} [title]
 * @property {Progress} [status]
 * @property {{text: string, status: Progress}[]} [steps]
 * @property {number} [used]
 * @property {number} [size]
 * @property {number} [request]
 * @property {"asked" | "allowed" | "refused"} [state]
 * @property {boolean} [can_answer]
 */

/**
 * @typedef {object} Permission
 * @property {string} session_id
 * @property {string} attempt_id
 * @property {number} request
 * @property {string} agent_id
 * @property {string} title
 * @property {string} host
 * @property {boolean} here
 * @property {boolean} can_answer
 * @property {string} asked_at
 */

/**
 * @typedef {object} AgentProfile
 * @property {string} kind
 * @property {string[]} [command]
 * @property {string | null} [script]
 * @property {string | null} [exec_profile]
 * @property {string | null} [cwd]
 * @property {string[]} [env]
 * @property {string[]} [allow]
 * @property {string | null} [mode]
 * @property {Record<string, unknown>} [policy]
 */

/**
 * @typedef {object} Capabilities
 * @property {string | null} program
 * @property {boolean} resumes
 * @property {{id: string, name: string}[]} modes
 */

/**
 * @typedef {object} Agent
 * @property {string} handle
 * @property {string} host
 * @property {string} host_label
 * @property {string} owner
 * @property {boolean} here
 * @property {boolean} online
 * @property {string | null} last_seen
 * @property {string | null} running
 * @property {number} queued
 * @property {AgentProfile | null} [profile]
 * @property {Capabilities | null} [capabilities]
 */

/**
 * @typedef {object} Detected
 * @property {string} handle
 * @property {string} name
 * @property {"acp" | "exec"} kind
 * @property {string | null} profile
 * @property {string[]} command
 * @property {boolean} installed
 * @property {string | null} [program]
 * @property {string | null} [version]
 * @property {string | null} note
 */

/**
 * @typedef {object} Device
 * @property {string} device
 * @property {string} label
 * @property {boolean} here
 * @property {boolean} online
 * @property {string | null} last_seen
 */

/**
 * @typedef {object} Member
 * @property {string} handle
 * @property {string} role
 * @property {Device[]} devices
 */

/**
 * @typedef {object} Peer
 * @property {string} device
 * @property {string | null} handle
 * @property {string} label
 * @property {boolean} connected
 * @property {string[]} addresses
 * @property {number | null} rtt_micros
 * @property {string | null} last_seen
 * @property {boolean} in_step
 * @property {string | null} last_exchange
 * @property {number} records_sent
 * @property {number} records_received
 * @property {string | null} last_error
 */

/**
 * @typedef {object} Waiting
 * @property {string} session
 * @property {string} agent
 * @property {string} reason
 * @property {string | null} last_seen
 * @property {string} ref
 */

/**
 * @typedef {object} Push
 * @property {string} remote
 * @property {string} branch
 * @property {string | null} commit
 * @property {string | null} tree
 * @property {string | null} at
 * @property {string} [error]
 * @property {string} [next_try]
 */

/**
 * @typedef {object} Status
 * @property {string} device
 * @property {string} label
 * @property {string} workspace
 * @property {string} handle
 * @property {boolean} revoked
 * @property {string | null} http
 * @property {string[]} listen
 * @property {Peer[]} peers
 * @property {Record<string, number>} sessions
 * @property {{commit: string | null, tree: string | null, error?: string, push?: Push}} export
 * @property {Waiting[]} waiting
 * @property {boolean} paused
 * @property {string} started_at
 * @property {string} [version]
 * @property {{home: string, store_bytes: number, export_bytes: number}} [storage]
 * @property {boolean} [can_join]
 * @property {string | null} [join_error]
 */

/**
 * @typedef {object} Sync
 * @property {boolean} paused
 * @property {number} in_step
 * @property {number} connected
 * @property {Peer[]} peers
 * @property {Waiting[]} waiting
 */

/**
 * @typedef {object} Invite
 * @property {string} id
 * @property {string} handle
 * @property {string} expires_at
 * @property {string | null} used_by
 */

/**
 * @typedef {object} Invited
 * @property {string} ticket
 * @property {string} id
 * @property {string} handle
 * @property {string} expires_at
 * @property {string[] | null} [qr]
 */

/**
 * @typedef {object} Check
 * @property {string} id
 * @property {string} title
 * @property {"ok" | "warn" | "fail"} state
 * @property {string} detail
 * @property {string | null} hint
 */

export {};
