/** Ways between nodes in words: transports by their addresses, and times of round trips. */

/**
 * @param {string[]} addresses multiaddrs
 * @returns {string} such as `QUIC and TCP`
 */
export function transports(addresses) {
  const found = new Set(addresses.map(transport));
  return [...found].join(" and ");
}

/** @param {string} address */
function transport(address) {
  if (address.includes("/quic-v1")) return "QUIC";
  return address.includes("/tcp/") ? "TCP" : "another transport";
}

/**
 * @param {number} micros
 * @returns {string} `0.4 ms`, `38 ms`
 */
export function rtt(micros) {
  const ms = micros / 1_000;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
