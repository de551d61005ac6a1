export { type Clock, systemClock } from '../files/clock.js'
