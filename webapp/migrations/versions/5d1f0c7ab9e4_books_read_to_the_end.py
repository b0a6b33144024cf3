"""books read to the end"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '5d1f0c7ab9e4'
down_revision = '47d4a0284e34'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('books_damage',
    sa.Column('switch', sa.String(length=40), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('gaps', sa.Integer(), nullable=False),
    sa.Column('unparseable', sa.Integer(), nullable=False),
    sa.Column('unwritten', sa.Integer(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_books_damage'))
    )
    with op.batch_alter_table('books_damage', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_books_damage_switch_at'), ['switch', 'at'], unique=False)
    with op.batch_alter_table('booked_call', schema=None) as batch_op:
        batch_op.add_column(sa.Column('set_aside_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(batch_op.f('ix_booked_call_set_aside_at'), ['set_aside_at'], unique=False)
    with op.batch_alter_table('books_place', schema=None) as batch_op:
        batch_op.add_column(sa.Column('read_up_to', sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table('ledger_check', schema=None) as batch_op:
        batch_op.add_column(sa.Column('incomplete', sa.Enum('unread', 'damaged', name='incomplete', native_enum=False, create_constraint=True, length=32), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('ledger_check', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('ck_ledger_check_incomplete'), type_='check')
        batch_op.drop_column('incomplete')
    with op.batch_alter_table('books_place', schema=None) as batch_op:
        batch_op.drop_column('read_up_to')
    with op.batch_alter_table('booked_call', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_booked_call_set_aside_at'))
        batch_op.drop_column('set_aside_at')
    op.drop_table('books_damage')
