// Peers: who the two sides are, and how a connection between them is made and kept secret.

export type { Allowed } from '../transfers/allowed.js'
// both sides at once
export {
  type ConnectByNameOptions,
  type Connected,
  type ConnectToPeerOptions,
  connect,
  connectByName,
  type Destination,
} from './connect.js'
export type { FindOptions } from './connectors/attempts.js'
export { type CommandOptions, command } from './connectors/command.js'
// what it stands on
export type { ConnectOptions, Connector, Listening, ListenOptions } from './connectors/connector.js'
export { connectorFor } from './connectors/connector-for.js'
export type { LookUp } from './connectors/resolve.js'
export { stdio } from './connectors/stdio.js'
export { type TcpOptions, tcp } from './connectors/tcp.js'
export { unix } from './connectors/unix.js'
export { type WebSocketOptions, websocket } from './connectors/websocket.js'
export { Gate, type GateOptions } from './gate.js'
export { type HomeOptions, home } from './home.js'
// who they are
export { existingIdentity, type Identity, identity, signed } from './identity.js'
export { Invitations, type InvitationsOptions, type IssueOptions } from './invitations.js'
export { fingerprint, isKey, isSignedBy, parseKey, showKey } from './keys.js'
export { type KnownPeer, KnownPeers } from './known-peers.js'
export { type From, type ListenForPeersOptions, listen } from './listen.js'
// in the same network
export { type AnnounceOptions, type Announcing, announce } from './nearby/announce.js'
export { type FindPeerOptions, findPeer } from './nearby/find-peer.js'
// what was received, signed
export {
  makeReceipt,
  RECEIPT_SCHEMA,
  type Receipt,
  type ReceiptFile,
  type ReceiptOptions,
  readReceipt,
  receiptFiles,
} from './receipt.js'
// the channel
export {
  type DiallerOptions,
  type ListenerOptions,
  type SecureDuplex,
  type SecureOptions,
  type Stranger,
  secure,
} from './secure.js'
// who is let in
export {
  decodeTicket,
  encodeTicket,
  isTicket,
  makeTicket,
  type Ticket,
  type TicketOptions,
} from './ticket.js'
export { type VerifiedFile, type VerifyOptions, verifyReceipt } from './verify-receipt.js'
