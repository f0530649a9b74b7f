/** Events of the HTTP room. `route` is the pattern of the route, never the URL itself. */
export interface HttpEvents {
  requestStarted(): void;
  requestFinished(method: string, route: string, status: number, seconds: number): void;
  /** A request was answered with an error of this code. */
  requestFailed(route: string, code: string): void;
  /** The data on a connection was not a complete, valid request, and was answered with this code. */
  connectionFailed(code: string): void;
}
