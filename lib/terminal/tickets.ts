/** What looks like a ticket, wherever it stands, in small letters or in those of a QR code. */
const TICKET = /sluice[1-9][a-z2-7]{20,}/gi

/** Whether a ticket stands in a text. */
export function hasTicket(text: string): boolean {
  return text.search(TICKET) !== -1
}

/** A text for people or a log, in which nothing is left of a ticket: whoever has one is let in. */
export function withoutTickets(text: string): string {
  return text.replace(TICKET, '(a ticket)')
}
