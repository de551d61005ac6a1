/** A ticket as lines of a QR code: in large letters, of which such a code takes more than of small ones. */
export async function qrCodeOf(ticket: string): Promise<string> {
  const { renderUnicodeCompact } = await import('uqr')
  return renderUnicodeCompact(ticket.toUpperCase(), { border: 2, ecc: 'L' })
}
